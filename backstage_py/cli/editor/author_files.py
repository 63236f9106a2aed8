"""The JSON Schemas of the files that an author writes beside templates: tests, mocks, the configuration."""

import json
import re

from backstage_py import bundled
from backstage_py.model.json import Json, JsonObject

GLOBS = {"tests": "**/*.test.yaml", "mocks": "**/*.mocks.yaml", "config": "**/.backstage-py.yaml"}
"""Which files a schema is for, by its name."""
_REFERENCE = re.compile(r'"#/definitions/(\w+)"')


def schema(name: str) -> JsonObject:
    """Return the schema (draft 7) of a kind of file, with the definitions that it refers to and no others."""
    definitions = bundled.schema("author-files")["definitions"]
    used: dict[str, Json] = {}
    _collect(name, definitions, used)
    root: JsonObject = used.pop(name)
    found: JsonObject = {"$schema": "http://json-schema.org/draft-07/schema#", **root, "definitions": used}
    return found


def _collect(name: str, definitions: JsonObject, used: dict[str, Json]) -> None:
    if name in used:
        return
    used[name] = definitions[name]
    for other in _REFERENCE.findall(json.dumps(definitions[name])):
        _collect(other, definitions, used)
