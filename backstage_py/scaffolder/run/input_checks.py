"""Compiled schemas of actions and templates, kept as long as the schema is the same object."""

from collections import OrderedDict

from backstage_py.model.json import Json
from backstage_py.model.npm_jsonschema import Validator, compile_schema
from backstage_py.plugin import Action

_MOST = 512
_compiled: "OrderedDict[int, Validator]" = OrderedDict()


def validator(schema: Json) -> Validator:
    """Return the compiled form of a schema that its owner does not change."""
    key = id(schema)
    found = _compiled.get(key)
    if found is None or found.schema is not schema:
        found = _compiled[key] = compile_schema(schema)  # it holds the schema, so the id stays taken
        if len(_compiled) > _MOST:
            _compiled.popitem(last=False)
    else:
        _compiled.move_to_end(key)
    return found


def validator_of(action: Action) -> Validator:
    """Return the check of an action's input."""
    return validator(action.input_schema)
