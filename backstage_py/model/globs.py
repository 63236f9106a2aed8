"""Glob patterns over paths that are known already, as the npm packages read them that Backstage gives patterns to.

``select`` is ``globby`` 11, which expands folders, gives braces to ``braces`` and the rest to ``fast-glob`` and
``micromatch``; ``matches`` is ``minimatch``, and with ``dot=False`` the ``glob`` package. Held by tables that the
packages gave: names that start with a dot, ``./`` at the start, a bare folder means all below it, ``*`` stays in one
level and ``**`` does not, sets, ranges, extended globs, and ``!pattern`` for the patterns before it. A pattern is
matched level by level with RE2, so a hostile one costs no more than a long one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from backstage_py.errors import InputError
from backstage_py.model import glob_braces, glob_levels
from backstage_py.model.glob_levels import Level, Style

_LONGEST = 1_000
_MAGIC = re.compile(r"[*?\[{]|[@!+]\(|\(.*\|.*\)")
_GLOBBY = Style()


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder by its path with ``/``, relative to where the patterns start."""

    path: str
    is_folder: bool


@dataclass(frozen=True, slots=True)
class _Glob:
    """A pattern without braces; None stands for ``**``. ``base`` is the folder that is searched."""

    base: str
    levels: tuple[Level | None, ...]
    style: Style

    def matches(self, entry: Entry) -> bool:
        return self.names(entry.path) or (entry.is_folder and self.names(f"{entry.path}/"))

    def names(self, path: str) -> bool:
        """Tell whether the path as it is matches; a folder may also match with a slash at its end."""
        return _match(self.levels, path.split("/"), self.style)

    def may_reach(self, path: str) -> bool:
        """Tell whether the search comes by: only what is below the base is looked at, not the base itself."""
        return not self.base or path.startswith(f"{self.base}/")


def select(
    patterns: Sequence[str], entries: Sequence[Entry], *, is_folder: Callable[[str], bool] | None = None
) -> set[str]:
    """Return the paths of the entries that the patterns name, as ``globby`` does.

    ``is_folder`` tells whether a pattern, taken as a path, is a folder; by default the entries are asked.

    Raises:
        InputError: a pattern is longer than 1,000 characters or stands for more than 1,000 others.
    """
    folders = {entry.path for entry in entries if entry.is_folder} | {"", "."}
    ask = is_folder or (lambda path: path.rstrip("/") in folders)
    found: set[str] = set()
    for index, pattern in enumerate(patterns):
        if pattern.startswith("!"):
            continue
        refused = [glob for p in patterns[index:] if p.startswith("!") for glob in _globs(p[1:], _GLOBBY)]
        expanded = f"{pattern.rstrip('/')}/**" if ask(_without_dot(pattern)) else pattern
        for glob in _globs(expanded, _GLOBBY):
            found.update(_selected(glob, refused, entries))
    return found


def covers(patterns: Sequence[str], path: str) -> bool:
    """Tell whether a file is meant by a list of what to leave out: it is named, or a folder that it is in.

    ``!pattern`` takes back what the others name.

    Raises:
        InputError: as for ``select``.
    """
    parts = path.split("/")
    above = [Entry("/".join(parts[:count]), is_folder=True) for count in range(1, len(parts))]
    known = [*above, Entry(path, is_folder=False)]
    back = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    return bool(select(wanted, known)) and not select(back, known)


def matches(pattern: str, path: str, *, dot: bool = True, ignore_case: bool = False) -> bool:
    """Tell whether a pattern names a whole path or URL, as ``minimatch`` does.

    Args:
        pattern: ``!`` at its start turns the answer around, ``#`` makes it a comment that names nothing.
        path: slashes in a row count as one.
        dot: stars take names that start with a dot.
        ignore_case: capitals are not told apart.

    Raises:
        InputError: as for ``select``.
    """
    if pattern.startswith("#"):
        return False
    bare = pattern.lstrip("!")
    if not bare:
        return not path
    style = Style(dot=dot, ignore_case=ignore_case, literal_sets=False)
    joined = re.sub("/{2,}", "/", path)
    found = any(glob.names(joined) or glob.names(joined.removesuffix("/")) for glob in _globs(bare, style))
    return found != bool((len(pattern) - len(bare)) % 2)


def base(pattern: str) -> str:
    """Return the levels of a pattern that are plain names, which is the folder to search."""
    fixed = []
    for segment in pattern.split("/")[:-1]:
        if _MAGIC.search(segment):
            break
        fixed.append(_unescaped(segment))
    return "/".join(fixed)


def is_magic(pattern: str) -> bool:
    """Tell whether anything in a text makes it more than a plain path."""
    return _MAGIC.search(pattern) is not None


def _selected(glob: _Glob, refused: Sequence[_Glob], entries: Iterable[Entry]) -> Iterator[str]:
    closed: set[str] = set()
    for entry in sorted(entries, key=lambda entry: entry.path.count("/")):
        if not glob.may_reach(entry.path):
            continue
        is_closed = entry.path.rpartition("/")[0] in closed
        if entry.is_folder and (is_closed or any(other.names(entry.path) for other in refused)):
            closed.add(entry.path)
        if is_closed or any(other.matches(entry) for other in refused):
            continue
        if glob.matches(entry):
            yield entry.path


@lru_cache(maxsize=512)
def _globs(pattern: str, style: Style) -> tuple[_Glob, ...]:
    if len(pattern) > _LONGEST:
        raise InputError(f"The glob pattern '{pattern[:40]}…' is longer than {_LONGEST} characters")
    return tuple(_glob(expanded, style) for expanded in dict.fromkeys(glob_braces.expand(pattern)))


def _glob(pattern: str, style: Style) -> _Glob:
    bare = re.sub(r"/{2,}", "/", _without_dot(pattern) if style.literal_sets else pattern)
    levels: list[Level | None] = []
    for segment in bare.split("/"):
        one = None if segment == "**" else glob_levels.level(segment, style)
        if one is None and levels and levels[-1] is None:
            continue
        if segment == ".." and levels and (above := levels[-1]) and above.text not in {"", ".", ".."}:
            levels.pop()
            continue
        levels.append(one)
    return _Glob(base(bare), tuple(levels), style)


def _match(levels: Sequence[Level | None], names: Sequence[str], style: Style) -> bool:
    """Match level by level; ``**`` may take any number of levels, also none.

    At the end of a longer pattern it takes at least one, where the slash at the end of a folder counts.
    """
    if levels[-1] is None:
        end = len(levels) - 1
        taken = next((at + 1 for at in reversed(range(len(names))) if style.skips(names[at])), 0)  # no star may
        return (
            not taken if not end else any(_match(levels[:end], names[:cut], style) for cut in range(taken, len(names)))
        )
    reachable = {0}
    for depth, name in enumerate(names):
        following: set[int] = set()
        for at in _through_stars(levels, reachable):
            if at == len(levels):
                continue
            level = levels[at]
            if level is None:
                if (name or not depth) and not style.skips(name):
                    following.add(at)
            elif level.matches(name):
                following.add(at + 1)
        reachable = following
        if not reachable:
            return False
    return len(levels) in reachable


def _through_stars(levels: Sequence[Level | None], reachable: set[int]) -> set[int]:
    return reachable | {at + 1 for at in reachable if at < len(levels) and levels[at] is None}


def _without_dot(pattern: str) -> str:
    while pattern.startswith("./"):
        pattern = pattern[2:]
    return pattern


def _unescaped(segment: str) -> str:
    return re.sub(r"\\(.)", r"\1", segment)
