"""Keywords for arrays: their items."""

from backstage_py.js.convert import deep_equal
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.json_schema.problem import NO_ARGUMENT, Check, Compiler, Keyword, Path, Problem, Problems


def _items(schema: JsonObject, compiler: Compiler) -> Check:
    declared, rest = schema["items"], schema.get("additionalItems")
    each = None if isinstance(declared, list) else declared

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if not isinstance(instance, list):
            return
        for index, value in enumerate(instance):
            part = each if each is not None else declared[index] if index < len(declared) else rest
            if part is None:
                continue
            if part is False:
                message = "additionalItems not permitted"
                problems.append(Problem(path, message, schema, instance, "items", NO_ARGUMENT))
                return
            compiler.check(part)(value, (*path, index), problems)

    return check


def _contains(schema: JsonObject, compiler: Compiler) -> Check:
    wanted = schema["contains"]

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if isinstance(instance, list) and not any(
            compiler.accepts(wanted, value, (*path, index)) for index, value in enumerate(instance)
        ):
            message = "must contain an item matching given schema"
            problems.append(Problem(path, message, schema, instance, "contains", wanted))

    return check


def _unique_items(schema: JsonObject, _compiler: Compiler) -> Check:
    wanted = schema["uniqueItems"] is True

    def check(instance: Json, path: Path, problems: Problems) -> None:
        if wanted and isinstance(instance, list) and _has_duplicates(instance):
            message = "contains duplicate item"
            problems.append(Problem(path, message, schema, instance, "uniqueItems", NO_ARGUMENT))

    return check


def _has_duplicates(items: list[Json]) -> bool:
    plain = [item for item in items if isinstance(item, str)]
    if len(set(plain)) != len(plain):
        return True
    others = [item for item in items if not isinstance(item, str)]
    return any(deep_equal(one, other) for index, one in enumerate(others) for other in others[index + 1 :])


KEYWORDS: dict[str, Keyword] = {
    "items": _items,
    "contains": _contains,
    "uniqueItems": _unique_items,
}
