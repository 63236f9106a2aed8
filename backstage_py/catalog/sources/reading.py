"""Reading the targets of locations: files of this machine, and URLs.

Each target's ETag is remembered. When every target of a location answers that it has not changed, the location's
earlier result stays valid and nothing is parsed.
"""

import asyncio
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from backstage_py import threads
from backstage_py.catalog.faults import Fault
from backstage_py.catalog.sources import documents
from backstage_py.catalog.sources.emitted import Emitted
from backstage_py.errors import NotFoundError
from backstage_py.integrations.web.http import LimitedError
from backstage_py.integrations.web.rates import SlowDownError
from backstage_py.model import field_format, globs
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.services import UrlReader

_SECONDS = 60.0
_LONGEST_MESSAGE = 5000
_AT_ONCE = 10
_SETTLED = 2.0  # seconds after which a file's time tells apart two versions of it
_URL_PATTERN = re.compile(r"\*|\[[^\]]+\]|\{[^}]+\}|[@!+?]\(.*\)|\([^)]*\|.*\)")  # what npm's is-glob sees in a path
_PATTERN_START = re.compile(r"[*\[{(]")


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a target: where it is, and what is in it."""

    location: LocationRef
    documents: list[Emitted | Fault]


@dataclass(frozen=True, slots=True)
class TargetContent:
    """What was read for a target.

    Attributes:
        files: with their documents.
        etag: to ask with the next time, None when that cannot be relied on.
        unchanged: the given ETag still holds; there are no files then.
        fault: why the target cannot be read.
    """

    files: tuple[Found, ...] = ()
    etag: str | None = None
    unchanged: bool = False
    fault: Fault | None = None


class TargetReader:
    """Reads targets of the types ``url`` and ``file``.

    Args:
        url_reader: reads URLs, within what may be read.
    """

    def __init__(self, url_reader: UrlReader) -> None:
        self._urls = url_reader
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def read(self, location: LocationRef, *, origin: str, optional: bool, etag: str | None) -> TargetContent:
        """Read a target; never raises for what is wrong with it."""
        async with self._slots:
            if location.type == "file":
                return await threads.file_work(_read_files, location, origin, optional=optional, etag=etag)
            return await self._read_url(location, origin, optional=optional, etag=etag)

    async def _read_url(self, location: LocationRef, origin: str, *, optional: bool, etag: str | None) -> TargetContent:
        missing = TargetContent(
            fault=None
            if optional
            else Fault("NotFoundError", f"Unable to read url, no matching files found for {location.target}")
        )
        if not field_format.is_url(location.target):
            return TargetContent(fault=Fault("Error", "Unable to read url, Invalid URL"))
        try:
            async with asyncio.timeout(_SECONDS):
                if is_pattern(location.target):
                    return await self._search(location, origin, etag=etag) or missing
                content = await self._urls.read(location.target, etag=etag)
        except NotFoundError:
            return missing
        except (SlowDownError, LimitedError) as error:
            # an entity is no worse for it that its host wants a pause: what was read before still holds
            return TargetContent(unchanged=True, etag=etag) if etag else TargetContent(fault=_unread(error))
        except TimeoutError:
            message = f"Unable to read url, {location.target} did not answer within {_SECONDS:.0f} seconds"
            return TargetContent(fault=Fault("Error", message))
        except Exception as error:  # noqa: BLE001  # the edge of a foreign system: whatever it says is the location's status
            return TargetContent(fault=_unread(error))
        if content is None:
            return TargetContent(unchanged=True, etag=etag)
        parsed = await threads.offload(documents.parse, content.content, location, origin)
        return TargetContent((Found(location, parsed),), content.etag)

    async def _search(self, location: LocationRef, origin: str, *, etag: str | None) -> TargetContent | None:
        root, pattern = split_pattern(location.target)
        with tempfile.TemporaryDirectory(prefix="catalog-") as folder:
            tree_etag = await self._urls.read_tree(root, Path(folder), etag=etag)
            if tree_etag is None and etag:
                return TargetContent(unchanged=True, etag=etag)
            found = await threads.file_work(_matching, Path(folder), pattern, root, origin)
        return TargetContent(tuple(found), tree_etag) if found else None


def _unread(error: Exception) -> Fault:
    return Fault("Error", f"Unable to read url, {str(error) or type(error).__name__}"[:_LONGEST_MESSAGE])


def is_pattern(url: str) -> bool:
    """Say whether a URL's path holds a pattern: ``**``, ``{a,b}``, ``[ab]`` or ``@(a|b)``, encoded or not."""
    return _URL_PATTERN.search(unquote(url.partition("?")[0])) is not None


def split_pattern(url: str) -> tuple[str, str]:
    """Return the URL of the folder above the first pattern, and the pattern below it."""
    segments = url.partition("?")[0].split("/")
    first = next(
        (index for index, part in enumerate(segments) if _PATTERN_START.search(unquote(part))), len(segments) - 1
    )
    root = "/".join(segments[:first])
    return root.replace("/blob/", "/tree/", 1), unquote("/".join(segments[first:]))


def _matching(folder: Path, pattern: str, root: str, origin: str) -> list[Found]:
    entries = [
        globs.Entry(path.relative_to(folder).as_posix(), is_folder=False)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]
    base = root.replace("/tree/", "/blob/", 1)
    found = []
    for name in sorted(globs.select([pattern], entries)):
        location = LocationRef("url", f"{base}/{name}")
        found.append(Found(location, documents.parse((folder / name).read_bytes(), location, origin)))
    return found


def _read_files(location: LocationRef, origin: str, *, optional: bool, etag: str | None) -> TargetContent:
    paths = _expand(location.target)
    if not paths:
        message = f"file {location.target} does not exist"
        return TargetContent(fault=None if optional else Fault("NotFoundError", message))
    try:
        stats = [path.stat() for path in paths]
        now = _signature(paths, stats)
        if now is not None and now == etag:
            return TargetContent(unchanged=True, etag=etag)
        files = tuple(_read_file(path, stat.st_size, origin) for path, stat in zip(paths, stats, strict=True))
    except OSError as error:
        reason = f"{error.strerror} ({error.filename})"
        return TargetContent(fault=Fault("Error", f"file {location.target} could not be read, Error: {reason}"))
    return TargetContent(files, now)


def _expand(target: str) -> list[Path]:
    """Return the files that a path or pattern names, as npm's ``glob`` finds them: without dot files."""
    if not globs.is_magic(target) or Path(target).exists():
        return [Path(target)] if Path(target).exists() else []
    pattern = os.path.normpath(target)
    base = globs.base(pattern) or "/"
    deepest = None if "**" in pattern else pattern.count("/") - base.count("/")
    found = _walk(Path(base), deepest, links=not pattern.endswith("**"))
    return [path for path in found if globs.matches(pattern, str(path), dot=False) and path.is_file()]


def _walk(folder: Path, deepest: int | None, *, links: bool = False) -> Iterator[Path]:
    """Yield what is below a folder, sorted; ``links``: links to folders are followed, by one level."""
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        return
    for path in sorted(folder.iterdir()):
        yield path
        if deepest == 1 or not path.is_dir():
            continue
        if not path.is_symlink():
            yield from _walk(path, deepest and deepest - 1, links=links)
        elif links:
            yield from _walk(path, deepest and deepest - 1 if deepest else 1)


def _signature(paths: Sequence[Path], stats: Sequence[os.stat_result]) -> str | None:
    """Return what changes with the files; None while a file is so new that a change could go unnoticed."""
    newest = max(max(stat.st_mtime, stat.st_ctime) for stat in stats)
    clock = time.time()
    if clock - newest < _SETTLED:
        return None
    parts = [
        f"{path}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_size}:{stat.st_ino}"
        for path, stat in zip(paths, stats, strict=True)
    ]
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()


def _read_file(path: Path, size: int, origin: str) -> Found:
    location = LocationRef("file", os.path.normpath(path))
    if size > documents.LARGEST:
        return Found(location, [documents.too_large(location, size)])
    return Found(location, documents.parse(path.read_bytes(), location, origin))
