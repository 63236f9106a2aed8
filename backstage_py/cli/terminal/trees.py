"""File trees in a terminal: what is in them, and what differs between two."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from backstage_py.cli.terminal import output
from backstage_py.model.binary import is_binary
from backstage_py.scaffolder.face.directory import DirectoryFile

_EXECUTABLE = 0o755
_MOST_LINES = 400


def write(folder: Path, files: Sequence[DirectoryFile]) -> None:
    """Write a tree below ``folder``, executable bits included.

    Raises:
        NotAllowedError: a path leads out of it.
        InputError: something cannot be written.
    """
    try:
        _write(folder, files)
    except OSError as error:
        raise output.cannot_write(folder, error) from error


def _write(folder: Path, files: Sequence[DirectoryFile]) -> None:
    from backstage_py.plugin import Workspace

    folder.mkdir(parents=True, exist_ok=True)
    inside = Workspace(folder)
    for file in files:
        path = inside.path(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        if file.executable:
            path.chmod(_EXECUTABLE)


def lines(files: Sequence[DirectoryFile]) -> Iterator[str]:
    """Yield a drawing of the tree with sizes."""
    yield from _level(_nested(files), "")


def diff(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a unified diff of two trees by path; binary files are named only."""
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        names = ("/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}")
        if is_binary(old or b"") or is_binary(new or b""):
            yield f"Binary files {names[0]} and {names[1]} differ"
            continue
        first, second = ((one or b"").decode("utf-8", "replace").splitlines() for one in (old, new))
        for count, line in enumerate(difflib.unified_diff(first, second, *names, lineterm="")):
            if count > _MOST_LINES:
                yield f"… the diff of {path} is cut after {_MOST_LINES} lines"
                break
            yield line


def contents(files: Sequence[DirectoryFile]) -> dict[str, bytes]:
    """Return the contents by path."""
    return {file.path: file.content for file in files}


def _nested(files: Sequence[DirectoryFile]) -> dict[str, object]:
    root: dict[str, object] = {}
    for file in files:
        *folders, name = file.path.split("/")
        node = root
        for folder in folders:
            inner = node.setdefault(folder, {})
            node = inner if isinstance(inner, dict) else {}
        node[name] = file
    return root


def _level(node: dict[str, object], indent: str) -> Iterator[str]:
    items = sorted(node.items(), key=lambda item: (not isinstance(item[1], dict), item[0]))
    for index, (name, item) in enumerate(items):
        last = index == len(items) - 1
        branch, deeper = ("└── ", "    ") if last else ("├── ", "│   ")
        if isinstance(item, DirectoryFile):
            mark = "*" if item.executable else ""
            yield f"{indent}{branch}{name}{mark}  ({_size(len(item.content))})"
        elif isinstance(item, dict):
            yield f"{indent}{branch}{name}/"
            yield from _level(item, indent + deeper)


def _size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} kB"  # noqa: PLR2004  # bytes of a kilobyte
