"""The kind ``Machine``."""

from typing import Final

from backstage_py.plugin.catalog import CustomKind, RelationField

API_VERSION: Final = "machine-park.example/v1"

MACHINE: Final = CustomKind(
    kind="Machine",
    api_versions=(API_VERSION,),
    schema={
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["owner", "cores"],
                "properties": {
                    "owner": {"type": "string", "minLength": 1},
                    "system": {"type": "string", "minLength": 1},
                    "cores": {"type": "integer", "minimum": 1},
                },
            }
        },
    },
    relations=(
        RelationField("owner", "ownedBy", "ownerOf", "Group"),
        RelationField("system", "partOf", "hasPart", "System"),
    ),
)
