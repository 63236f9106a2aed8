"""Placeholders in entities: ``$text``, ``$json``, ``$yaml`` and the like stand for the content of another file.

The file may be named relative to the entity's own. It has to be in the same repository, and for entities that were
read from this machine in the same folder or below, or below the root of ``backend.reading.fileRoots`` around it, after
links are followed.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backstage_py import threads
from backstage_py.catalog.sources import documents
from backstage_py.errors import BackstageError
from backstage_py.integrations import local_files
from backstage_py.model import json, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.services import UrlReader

_HINT = re.compile(rb'"\$(?:text|json|yaml|openapi|asyncapi|graphql|grpc)":')
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DEEPEST = 16


class PlaceholderError(Exception):
    """A placeholder cannot be replaced; the message says which and why."""


class Noting(Protocol):
    """Is told what an entity was made from."""

    def refresh_key(self, key: str) -> None:
        """Note a file, as ``url:https://…``."""


def may_have(text: bytes) -> bool:
    """Say whether JSON text of an entity may hold a placeholder."""
    return _HINT.search(text) is not None


@dataclass(frozen=True, slots=True)
class _File:
    text: str
    url: str


class Placeholders:
    """Replaces placeholders.

    Args:
        url_reader: reads and resolves URLs.
        file_roots: folders within which files of this machine may name others.
    """

    def __init__(self, url_reader: UrlReader, file_roots: Sequence[str | Path] = ()) -> None:
        self._urls = url_reader
        self._roots = tuple(file_roots)
        self._resolvers: dict[str, Callable[[str, _File], Awaitable[Json]]] = {
            "text": _text,
            "json": _json,
            "yaml": _yaml,
            "graphql": _text,
            "grpc": _text,
            "openapi": self._bundle,
            "asyncapi": self._bundle,
        }

    async def resolve(self, entity: JsonObject, location: LocationRef, emit: Noting) -> JsonObject:
        """Return the entity with its placeholders replaced.

        Raises:
            PlaceholderError: one cannot be.
        """
        if not _has_marks(entity):
            return entity
        resolved: JsonObject = await self._value(entity, location, emit)
        return resolved

    async def _value(self, value: Json, location: LocationRef, emit: Noting) -> Json:
        if isinstance(value, list):
            return [await self._value(item, location, emit) for item in value]
        if not isinstance(value, dict):
            return value
        marked = [key for key in value if key.startswith("$")]
        if not marked:
            return {key: await self._value(item, location, emit) for key, item in value.items()}
        key = marked[0].removeprefix("$")
        if len(value) != 1 or key not in self._resolvers:
            return value
        file = await self._read(key, value[marked[0]], location)
        emit.refresh_key(f"url:{file.url}")
        return await self._resolvers[key](key, file)

    async def _read(self, key: str, value: Json, location: LocationRef) -> _File:
        if not isinstance(value, str):
            raise PlaceholderError(
                f"Placeholder ${key} expected a string value parameter, in the form of an absolute URL or a relative "
                "path"
            )
        url = self._resolve(key, value, location)
        try:
            if location.type == "file" and not _ABSOLUTE.match(value):
                folder = local_files.boundary(Path(location.target).parent, self._roots)
                content = await threads.file_work(_read_contained, Path(url), folder)
            else:
                read = await self._urls.read(url)
                content = read.content if read else b""
        except (BackstageError, OSError) as error:
            name = error.name if isinstance(error, BackstageError) else "Error"
            raise PlaceholderError(f"Placeholder ${key} could not read location {value}, {name}: {error}") from error
        if len(content) > documents.LARGEST:
            raise PlaceholderError(f"Placeholder ${key} could not read location {value}, the file is too large")
        return _File(content.decode("utf-8", errors="replace"), url)

    def _resolve(self, key: str, value: str, location: LocationRef) -> str:
        if location.type == "file" and not _ABSOLUTE.match(value):
            return str(Path(location.target).parent / value)
        try:
            url = self._urls.resolve(value, location.target)
            if location.type != "file" and not self._urls.same_repository(url, location.target):
                raise ValueError("Placeholder may only reference files from the same repository as the entity")  # noqa: TRY301  # mapped below, as what resolving raises
        except (BackstageError, ValueError) as error:
            name = error.name if isinstance(error, BackstageError) else "Error"
            raise PlaceholderError(
                f"Placeholder ${key} could not form a URL out of {location.target} and {value}, {name}: {error}"
            ) from error
        return url

    async def _bundle(self, key: str, file: _File) -> Json:
        """Return an API definition as text, with the files that it refers to put in their places."""
        value = await _yaml(key, file)
        location = LocationRef("url" if _ABSOLUTE.match(file.url) else "file", file.url)
        bundled, changed = await self._inline(value, value, location, key, 0)
        if not changed:
            return file.text
        return json.text(bundled) if file.text.lstrip().startswith("{") else yaml.dump(bundled)

    async def _inline(self, value: Json, root: Json, location: LocationRef, key: str, depth: int) -> tuple[Json, bool]:
        if isinstance(value, list):
            items = [await self._inline(item, root, location, key, depth) for item in value]
            return [item for item, _ in items], any(changed for _, changed in items)
        if not isinstance(value, dict):
            return value, False
        reference = value.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            if depth >= _DEEPEST:
                raise PlaceholderError(f"Placeholder ${key} refers to files more than {_DEEPEST} levels deep")
            target, _, pointer = reference.partition("#")
            file = await self._read(key, target, location)
            other = await _yaml(key, file)
            inner, _ = await self._inline(
                _pointed(other, pointer), other, LocationRef(location.type, file.url), key, depth + 1
            )
            return inner, True
        if isinstance(reference, str) and depth:  # a reference within an included file means that file
            if depth >= _DEEPEST:
                raise PlaceholderError(f"Placeholder ${key} refers to itself in {location.target}")
            return await self._inline(_pointed(root, reference[1:]), root, location, key, depth + 1)
        parts = {name: await self._inline(item, root, location, key, depth) for name, item in value.items()}
        return {name: item for name, (item, _) in parts.items()}, any(changed for _, changed in parts.values())


def _has_marks(value: Json) -> bool:
    if isinstance(value, dict):
        return any(key.startswith("$") or _has_marks(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_marks(item) for item in value)


async def _text(_key: str, file: _File) -> Json:
    return file.text


async def _json(key: str, file: _File) -> Json:
    try:
        return json.parse(file.text)
    except ValueError as error:
        raise PlaceholderError(f"Placeholder ${key} failed to parse JSON data at {file.url}, {error}") from error


async def _yaml(key: str, file: _File) -> Json:
    found = await threads.offload(yaml.load_all, file.text, filename=file.url)
    if len(found) != 1:
        raise PlaceholderError(
            f"Placeholder ${key} expected to find exactly one document of data at {file.url}, found {len(found)}"
        )
    if found[0].errors:
        raise PlaceholderError(f"Placeholder ${key} found an error in the data at {file.url}, {found[0].errors[0]}")
    return found[0].value


def _pointed(value: Json, pointer: str) -> Json:
    for part in pointer.strip("/").split("/") if pointer.strip("/") else ():
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            raise PlaceholderError(f"Nothing is at '#{pointer}'")
        value = value[name]
    return value


def _read_contained(path: Path, folder: Path) -> bytes:
    real = path.resolve(strict=True)
    if not real.is_relative_to(folder):
        raise PermissionError(f"{path} is outside of {folder}, where the entity is")
    if real.stat().st_size > documents.LARGEST:
        raise PermissionError(f"{path} is larger than {documents.LARGEST // 1024 // 1024} MiB")
    return real.read_bytes()
