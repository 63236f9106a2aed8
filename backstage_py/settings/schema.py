"""What may stand in an app-config.yaml, as a JSON Schema made of the description in ``sections``."""

from functools import cache

from backstage_py.model.json import JsonObject
from backstage_py.settings.description import keys_of, schema_of
from backstage_py.settings.sections import Settings


@cache
def app_config() -> JsonObject:
    """Return the JSON Schema; do not change it."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "app-config",
        "title": "app-config.yaml as backstage-py reads it",
        "description": "Backstage's keys, as far as this service reads them; those marked (ours) exist only here. "
        "Keys of other plugins may stand beside them.",
        **schema_of(keys_of(Settings)),
    }
