"""The objects of a manifest."""

from collections.abc import Iterator

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject

Manifest = str | JsonObject | list[JsonObject]
"""YAML text with any number of documents, one object, or several."""
_LARGEST_MANIFEST = 5 * 1024 * 1024
_MOST_OBJECTS = 500
_MOST_DOCUMENTS = 10 * _MOST_OBJECTS  # empty ones are no objects


async def read(manifest: Manifest) -> list[JsonObject]:
    """Return ``objects(manifest)``, off the event loop when there is much to read."""
    size = len(manifest) if isinstance(manifest, str) else 0
    return await threads.render_large(size, objects, manifest)


def objects(manifest: Manifest) -> list[JsonObject]:
    """Return the objects of a manifest: documents that are empty are left out, those of a ``List`` stand for it.

    Raises:
        YamlError: it is not valid. InputError: one is no Kubernetes object, or there is too much.
    """
    if isinstance(manifest, str) and len(manifest) > _LARGEST_MANIFEST:
        raise InputError(f"The manifest is larger than {_LARGEST_MANIFEST // (1024 * 1024)} MiB")
    if isinstance(manifest, str) and manifest.count("\n---") > _MOST_DOCUMENTS:  # before it is read: that takes seconds
        raise InputError(f"The manifest has more than {_MOST_DOCUMENTS} documents")
    found = [one for value in _values(manifest) for one in _expanded(value)]
    if len(found) > _MOST_OBJECTS:
        raise InputError(f"The manifest has more than {_MOST_OBJECTS} objects")
    for index, one in enumerate(found):
        _refuse_incomplete(one, index)
    return found


def declared_kind(value: JsonObject) -> tuple[str, str] | None:
    """Return group and kind that a CustomResourceDefinition declares."""
    if value["kind"] != "CustomResourceDefinition":
        return None
    spec = value.get("spec") or {}
    return str(spec.get("group")), str((spec.get("names") or {}).get("kind"))


def _values(manifest: Manifest) -> Iterator[Json]:
    if isinstance(manifest, list):
        yield from manifest
        return
    if not isinstance(manifest, str):
        yield manifest
        return
    for document in yaml.load_all(manifest, filename="manifest"):
        if error := document.error():
            raise error
        yield document.value


def _expanded(value: Json) -> list[Json]:
    if value is None:
        return []
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        items: list[Json] = value["items"]
        return items
    return [value]


def _refuse_incomplete(value: Json, index: int) -> None:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value.get(key), str) for key in ("apiVersion", "kind")):
        raise InputError(f"Document {index + 1} of the manifest needs 'apiVersion', 'kind' and 'metadata'")
    if not isinstance(metadata.get("name") or metadata.get("generateName"), str):
        raise InputError(f"Document {index + 1} of the manifest needs 'metadata.name' or 'metadata.generateName'")
