"""What pickers of the form offer from the catalog, for values that a test gives."""

from collections.abc import Iterator, Mapping, Sequence

from backstage_py.cli.local import form
from backstage_py.errors import InputError
from backstage_py.model import entity_ref
from backstage_py.model.json import Json, JsonObject

_KINDS: Mapping[str, tuple[str, ...] | None] = {
    "EntityPicker": None,
    "MultiEntityPicker": None,
    "OwnedEntityPicker": None,
    "OwnerPicker": ("group", "user"),
}
"""Which kinds a picker offers by default; None for all."""


def check(pages: Sequence[JsonObject], values: JsonObject, entities: Sequence[JsonObject]) -> None:
    """Refuse a value that a picker would not offer and takes from nowhere else (``allowArbitraryValues: false``).

    Raises:
        InputError: names the value, the picker and the field.
    """
    for _, page in form.shown(pages, values):
        for name, schema in form.visible(page, values):
            picker, options = schema.get("ui:field"), schema.get("ui:options")
            strict = isinstance(options, dict) and options.get("allowArbitraryValues") is False
            if not strict or not isinstance(options, dict) or picker not in _KINDS:
                continue
            for value in values[name] if isinstance(values.get(name), list) else [values.get(name)]:
                if isinstance(value, str) and value and not _is_offered(value, str(picker), options, entities):
                    raise InputError(f"'{value}' is none of the entities that the {picker} of '{name}' offers")


def _is_offered(value: str, picker: str, options: JsonObject, entities: Sequence[JsonObject]) -> bool:
    kinds = tuple(one.lower() for one in _wanted(options)) or _KINDS[picker]
    default = options.get("defaultKind") or (kinds[0] if kinds else "component")
    namespace = options.get("defaultNamespace") or entity_ref.DEFAULT_NAMESPACE
    try:
        ref = entity_ref.parse(value, default_kind=str(default), default_namespace=str(namespace))
    except InputError:
        return False
    offered = [one for one in entities if kinds is None or str(one["kind"]).lower() in kinds]
    return any(entity_ref.of(one) == str(ref) for one in offered)


def _wanted(options: JsonObject) -> Iterator[str]:
    """Yield the kinds of ``allowedKinds`` and of ``catalogFilter``."""
    filters = options.get("catalogFilter")
    parts: list[Json] = [options.get("allowedKinds")]
    parts += [one.get("kind") for one in (filters if isinstance(filters, list) else [filters]) if isinstance(one, dict)]
    for part in parts:
        yield from (str(one) for one in (part if isinstance(part, list) else [part]) if one)
