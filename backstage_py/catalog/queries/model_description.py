"""A Markdown text about the catalog's kinds, made from their schemas, for programs that have to ask the right query."""

from functools import cache

from backstage_py import bundled
from backstage_py.model import entity_relations, entity_schema
from backstage_py.model.json import JsonObject

_INTRODUCTION = """# Catalog model

Every entity has `apiVersion`, `kind`, `metadata`, and mostly `spec` and `relations`. Fields are addressed by dotted
paths such as `metadata.name`; relations by paths such as `relations.ownedBy`, whose values are entity references
`kind:namespace/name` in lower case.

## Kinds
"""


@cache
def text() -> str:
    """Return the description."""
    kinds = "\n".join(_kind(kind) for kind in entity_schema.KINDS)
    pairs = sorted({(one.outgoing, one.incoming) for fields in entity_relations.FIELDS.values() for one in fields})
    relations = "\n".join(f"* `{outgoing}`, in the other direction `{incoming}`" for outgoing, incoming in pairs)
    return f"{_INTRODUCTION}\n{kinds}\n## Relations\n\n{relations}\n"


def _kind(kind: str) -> str:
    return "".join(_version(kind, bundled.schema(f"entities/{file}")) for file in entity_schema.files_of(kind))


def _version(kind: str, schema: JsonObject) -> str:
    own = schema["allOf"][1]["properties"]
    spec = own["spec"]
    required = set(spec.get("required", ()))
    fields = "".join(
        f"* `spec.{name}`{' (required)' if name in required else ''}{_described(field)}\n"
        for name, field in spec["properties"].items()
    )
    return f"### {kind}\n\n{schema['description']} apiVersion: {', '.join(own['apiVersion']['enum'])}.\n\n{fields}\n"


def _described(field: JsonObject) -> str:
    return f": {field['description']}" if "description" in field else ""
