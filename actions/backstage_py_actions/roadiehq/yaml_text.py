"""YAML text with the options of the JavaScript package ``yaml``."""

from backstage_py.errors import InputError
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.schema import camel

_FIELDS = {camel(name): name for name in yaml.Style.__dataclass_fields__}
_FIELDS["doubleQuotedAsJSON"] = "double_quoted_as_json"


def stringify(value: Json, options: JsonObject | None) -> str:
    """Return the text of a value.

    Raises:
        InputError: the value or an option cannot be written.
    """
    given = {_FIELDS[name]: setting for name, setting in (options or {}).items() if name in _FIELDS}
    try:
        return yaml.dump(value, yaml.Style(**given))
    except ValueError as error:
        raise InputError(f"The data cannot be written as YAML: {error}") from error
