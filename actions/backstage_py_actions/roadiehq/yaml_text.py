"""YAML text with the options of the JavaScript package ``yaml``."""

from backstage_py.plugin import InputError, Json, JsonObject
from backstage_py.plugin.formats import YamlStyle, dump_yaml, json_name

_FIELDS = {json_name(name): name for name in YamlStyle.__dataclass_fields__}
_FIELDS["doubleQuotedAsJSON"] = "double_quoted_as_json"


def stringify(value: Json, options: JsonObject | None) -> str:
    """Return the text of a value.

    Raises:
        InputError: the value or an option cannot be written.
    """
    given = {_FIELDS[name]: setting for name, setting in (options or {}).items() if name in _FIELDS}
    try:
        return dump_yaml(value, YamlStyle(**given))
    except ValueError as error:
        raise InputError(f"The data cannot be written as YAML: {error}") from error
