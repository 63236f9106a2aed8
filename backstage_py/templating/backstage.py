"""Backstage's own filters, and how they describe themselves to ``/v2/templating-extensions``."""

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from backstage_py.js.convert import to_string
from backstage_py.js.json_text import stringify
from backstage_py.js.text import units
from backstage_py.js.values import UNDEFINED, JsMap, Json, JsSet
from backstage_py.templating import repo_url
from backstage_py.templating.repo_url import IntegrationType, default_integrations

__all__ = ["DESCRIPTIONS", "FilterDescription", "IntegrationType", "default_integrations", "filters_for"]


class FilterDescription(NamedTuple):
    """How a filter or global function appears in ``/v2/templating-extensions``.

    Attributes:
        description: one sentence.
        schema: JSON Schemas under "input" (filters only), "arguments" (a list) and "output".
        examples: records with "description", "example" and "notes", in Markdown and YAML.
    """

    description: str | None = None
    schema: Mapping[str, Json] | None = None
    examples: tuple[Mapping[str, str], ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The record of the HTTP answer; what is not given is left out."""
        answer: dict[str, Json] = {}
        if self.description:
            answer["description"] = self.description
        if self.examples:
            answer["examples"] = [dict(example) for example in self.examples]
        if self.schema is not None:
            answer["schema"] = dict(self.schema)
        return answer


def filters_for(integrations: IntegrationType) -> dict[str, Callable[..., Json]]:
    """Backstage's filters by name, with the integrations that parseRepoUrl and projectSlug look up hosts in."""
    return {
        "parseRepoUrl": functools.partial(_parse_repo_url, integrations),
        "parseEntityRef": parse_entity_ref,
        "pick": pick,
        "projectSlug": functools.partial(_project_slug, integrations),
    }


def _as_text(value: Json) -> str:
    """A value as text.

    Raises:
        ValueError: it is or holds a record, which has no text where Backstage's filters run.
    """
    if isinstance(value, dict):
        raise ValueError("Cannot convert object to primitive value")  # noqa: TRY004 - told to template authors
    if isinstance(value, list):
        return ",".join("" if item is None or item is UNDEFINED else _as_text(item) for item in value)
    return to_string(value)


def _parse_repo_url(integrations: IntegrationType, url: Json = UNDEFINED, *_: Json) -> Json:
    return repo_url.parse(_as_text(url), integrations)


def _project_slug(integrations: IntegrationType, url: Json = UNDEFINED, *_: Json) -> Json:
    parts = repo_url.parse(_as_text(url), integrations)
    return f"{_as_text(parts['owner'])}/{_as_text(parts['repo'])}"


def parse_entity_ref(ref: Json = UNDEFINED, context: Json = UNDEFINED, *_: Json) -> Json:
    """Kind, namespace and name of a reference, with defaults from the context.

    Raises:
        ValueError: the reference is empty, malformed, or has no kind.
    """
    if ref is UNDEFINED or ref is None or ref is False or ref == "" or (not isinstance(ref, list | dict) and ref == 0):
        raise ValueError("Entity reference must not be empty")
    defaults = context if isinstance(context, dict) else {}
    kind: Json = defaults.get("defaultKind", UNDEFINED)
    namespace: Json = defaults.get("defaultNamespace") or "default"
    if isinstance(ref, str):
        parsed = _split_ref(ref)
    else:
        parsed = (
            {key: ref.get(key, UNDEFINED) for key in ("kind", "namespace", "name")} if isinstance(ref, dict) else {}
        )
    kind = _first_given(parsed.get("kind", UNDEFINED), kind)
    namespace = _first_given(parsed.get("namespace", UNDEFINED), namespace)
    name = parsed.get("name", UNDEFINED)
    for what, value, more in (
        ("kind", kind, ' (e.g. did not start with "component:" or similar)'),
        ("namespace", namespace, ""),
        ("name", name, ""),
    ):
        if _is_falsy(value):
            raise ValueError(f"Entity reference {stringify(ref)} had missing or empty {what}{more}")
    return {"kind": kind, "namespace": namespace, "name": name}


def _is_falsy(value: Json) -> bool:
    return (
        value is UNDEFINED or value is None or value is False or value in {"", 0}
        if not isinstance(value, list | dict | JsMap | JsSet)
        else False
    )


def _first_given(value: Json, default: Json) -> Json:
    return default if value is UNDEFINED or value is None else value


def _split_ref(ref: str) -> dict[str, Json]:
    colon = ref.find(":")
    slash = ref.find("/")
    if -1 < slash < colon:
        colon = -1
    kind = UNDEFINED if colon < 0 else ref[:colon]
    namespace = UNDEFINED if slash < 0 else ref[colon + 1 : slash]
    name = ref[max(colon + 1, slash + 1) :]
    if kind == "" or namespace == "" or name == "":
        raise ValueError(f'Entity reference "{ref}" was not on the form [<kind>:][<namespace>/]<name>')
    return {"kind": kind, "namespace": namespace, "name": name}


_DEEP = re.compile(r"\.|\[(?:[^\[\]]*|([\"'])(?:(?!\1)[^\\]|\\.)*?\1)\]")
_PLAIN = re.compile(r"\w*\Z", re.ASCII)
_BACKSLASH = re.compile(r"\\(\\)?")
_PARTS = re.compile(
    r"""[^.\[\]]+|\[(?:(-?\d+(?:\.\d+)?)|(["'])((?:(?!\2)[^\\]|\\.)*?)\2)\]|(?=(?:\.|\[\])(?:\.|\[\]|\Z))""", re.ASCII
)


def pick(value: Json = UNDEFINED, path: Json = UNDEFINED, default: Json = UNDEFINED, *_: Json) -> Json:
    """The value at a path such as ``a.b[0]`` or a list of keys, else the default.

    A record's key that has dots itself wins over the path.
    """
    if value is None or value is UNDEFINED:
        return default
    keys = [_key(part) for part in path] if isinstance(path, list) else _keys(value, path)
    found = value
    for key in keys:
        if found is None or found is UNDEFINED:
            return default
        found = _own(found, key)
    return default if found is UNDEFINED or not keys else found


def _key(part: Json) -> str:
    return "-0" if isinstance(part, float) and part == 0 and math.copysign(1, part) < 0 else _as_text(part)


def _keys(value: Json, path: Json) -> list[str]:
    text = _key(path)
    if not isinstance(path, str) or _PLAIN.match(text) or not _DEEP.search(text):
        return [text]
    if isinstance(value, dict) and text in value:
        return [text]
    keys = [""] if text.startswith(".") else []
    return keys + [_part_key(match) for match in _PARTS.finditer(text)]


def _part_key(match: re.Match[str]) -> str:
    return _BACKSLASH.sub(r"\1", match[3]) if match[2] else match[1] or match[0]


_TEXT_METHODS = """
at charAt charCodeAt codePointAt concat endsWith includes indexOf lastIndexOf localeCompare match matchAll normalize
padEnd padStart repeat replace replaceAll search slice split startsWith substr substring toLowerCase toUpperCase trim
trimEnd trimStart
"""
_ARRAY_METHODS = """
at concat copyWithin entries every fill filter find findIndex findLast flat flatMap forEach includes indexOf join keys
lastIndexOf map pop push reduce reverse shift slice some sort splice unshift values
"""
_PROTOTYPES: dict[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS.split()),
    list: frozenset(_ARRAY_METHODS.split()),
    float: frozenset(("toExponential", "toFixed", "toPrecision")),
}
_OBJECT = frozenset(
    ["hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf", "constructor"]
)


def _own(value: Json, key: str) -> Json:
    """A member as JavaScript finds it; a method of a prototype cannot be handed to a template."""
    if isinstance(value, dict):
        return value.get(key, UNDEFINED)
    kind: type = float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
    if key in _PROTOTYPES.get(kind, ()) or key in _OBJECT:
        raise ValueError("Unsupported template value of type function")
    if isinstance(value, str):
        return _item(units(value), key)
    if isinstance(value, list):
        return _item(value, key)
    if isinstance(value, JsMap | JsSet) and key == "size":
        return len(value)
    return UNDEFINED


def _item(items: str | list[Json], key: str) -> Json:
    if key == "length":
        return len(items)
    if key.isascii() and key.isdigit() and (key == "0" or key[0] != "0") and int(key[:12]) < len(items):
        return items[int(key)]
    return UNDEFINED


_DRAFT = "http://json-schema.org/draft-07/schema#"
_TEXT = {"type": "string"}


def _schema(**keywords: Json) -> dict[str, Json]:
    return {**keywords, "$schema": _DRAFT}


_REPO_URL = _schema(type="string", description="repo URL as collected from repository picker")
_ENTITY_REF_OUTPUT = _schema(
    type="object",
    properties={"kind": _TEXT, "namespace": _TEXT, "name": _TEXT},
    required=["kind", "namespace", "name"],
    additionalProperties=False,
    description="`CompoundEntityRef`",
)


def _log_step(name: str, expression: str, *, newline: bool = True) -> str:
    end = "\n" if newline else ""
    return f"- id: log\n  name: {name}\n  action: debug:log\n  input:\n    message: ${{{{ {expression} }}}}{end}"


DESCRIPTIONS: dict[str, FilterDescription] = {
    "parseRepoUrl": FilterDescription(
        "Parses a repository URL into its constituent parts: owner, repository name, etc.",
        {
            "input": _REPO_URL,
            "output": _schema(
                type="object",
                properties=dict.fromkeys(("repo", "host", "owner", "organization", "workspace", "project"), _TEXT),
                required=["repo", "host"],
                additionalProperties=False,
                description="`RepoSpec`",
            ),
        },
        (
            {
                "example": _log_step("Parse Repo URL", "parameters.repoUrl | parseRepoUrl", newline=False),
                "notes": " - **Input**: `github.com?repo=backstage&owner=backstage`\n"
                '  - **Output**: `{"host":"github.com","owner":"backstage","repo":"backstage"}`\n',
            },
        ),
    ),
    "parseEntityRef": FilterDescription(
        "Extracts the parts of an entity reference, such as the kind, namespace, and name.",
        {
            "input": _schema(
                anyOf=[
                    {"type": "string", "description": "compact entity reference"},
                    {
                        "type": "object",
                        "properties": {"kind": _TEXT, "namespace": _TEXT, "name": _TEXT},
                        "required": ["name"],
                        "additionalProperties": False,
                        "description": "`CompoundEntityRef`",
                    },
                ]
            ),
            "arguments": [
                _schema(
                    anyOf=[
                        {"not": {}},
                        {
                            "type": "object",
                            "properties": {
                                "defaultKind": {
                                    "type": "string",
                                    "description": "The default kind, if none is given in the reference",
                                },
                                "defaultNamespace": {
                                    "type": "string",
                                    "description": "The default namespace, if none is given in the reference",
                                },
                            },
                            "additionalProperties": False,
                        },
                    ]
                )
            ],
            "output": _ENTITY_REF_OUTPUT,
        },
        (
            {
                "description": "Without context",
                "example": _log_step("Parse Entity Reference", "parameters.owner | parseEntityRef"),
                "notes": "- **Input**: `group:techdocs`\n"
                '- **Output**: `{"kind": "group", "namespace": "default", "name": "techdocs"}`\n',
            },
            {
                "description": "With context",
                "example": _log_step(
                    "Parse Entity Reference",
                    'parameters.owner | parseEntityRef({ defaultKind:"group", defaultNamespace:"another-namespace" })',
                ),
                "notes": "- **Input**: `techdocs`\n"
                '- **Arguments:**: `[{ "defaultKind": "group", "defaultNamespace": "another-namespace" }]`\n'
                '- **Output**: `{"kind": "group", "namespace": "another-namespace", "name": "techdocs"}`\n',
            },
        ),
    ),
    "pick": FilterDescription(
        "Selects a specific property (e.g. kind, namespace, name) from an object.",
        {
            "input": _schema(),
            "arguments": [_schema(type="string", description="Property")],
            "output": _schema(description="Selected property"),
        },
        (
            {
                "example": _log_step("Pick", "parameters.owner | parseEntityRef | pick('name')", newline=False),
                "notes": "- **Input**: `{ kind: 'Group', namespace: 'default', name: 'techdocs'` }\n"
                "- **Output**: `techdocs`\n",
            },
        ),
    ),
    "projectSlug": FilterDescription(
        "Generates a project slug from a repository URL.",
        {"input": _REPO_URL, "output": _schema(type="string")},
        (
            {
                "example": _log_step("Project Slug", "parameters.repoUrl | projectSlug"),
                "notes": "- **Input**: `github.com?repo=backstage&owner=backstage`\n"
                "- **Output**: backstage/backstage\n",
            },
        ),
    ),
}
"""Descriptions of Backstage's filters, in the order of the HTTP answer."""
