"""A template's form without a browser: what it asks for, its defaults, and whether values fit it."""

import copy
import sys
from collections.abc import Iterator, Mapping, Sequence

from backstage_py.cli.local import failures
from backstage_py.cli.local.template_file import LocalTemplate
from backstage_py.errors import InputError
from backstage_py.js.values import UNDEFINED
from backstage_py.lint.nearest import nearest
from backstage_py.model import parameter_pages
from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.face import template_forms


def warn_of_unknown(local: LocalTemplate, values: Mapping[str, Json]) -> None:
    """Name on standard error the values that the form does not ask for; a template may still use them."""
    known = names(local.template.pages)
    for name in values:
        if known and name not in known:
            close = nearest(name, known)
            hint = f"; did you mean '{close}'?" if close else ""
            sys.stderr.write(f"backstage-py: the form of {local.path} does not ask for '{name}'{hint}\n")


def names(pages: Json) -> frozenset[str]:
    """Return the names that pages, or any branch of them, may ask for."""
    return frozenset(name for name, _ in _declarations(pages))


def _declarations(schema: Json) -> Iterator[tuple[str, Json]]:
    """Yield what a page, or any branch of it, may ask for, by name."""
    if isinstance(schema, list | tuple):
        for one in schema:
            yield from _declarations(one)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties.items() if isinstance(properties, dict) else ()
        for keyword in ("allOf", "anyOf", "oneOf", "then", "else"):
            yield from _declarations(schema.get(keyword))
        dependencies = schema.get("dependencies")
        yield from _declarations(list(dependencies.values()) if isinstance(dependencies, dict) else None)


def texts(pages: Json) -> frozenset[str]:
    """Return the names of values that are texts wherever the form asks for them."""
    kinds: dict[str, set[str]] = {}
    for name, schema in _declarations(pages):
        kinds.setdefault(name, set()).add(str(schema.get("type")) if isinstance(schema, dict) else "")
    return frozenset(name for name, found in kinds.items() if found == {"string"})


def check(local: LocalTemplate, values: Mapping[str, Json], secrets: Mapping[str, str]) -> JsonObject:
    """Check what was entered, as the service does, and say all that is wrong in an author's words.

    Returns:
        The values without those of pages that are not shown for them.

    Raises:
        InputError: a sentence for each problem, in the service's words, and how to give what is missing.
    """
    try:
        left = template_forms.check_values(local.template, dict(values))
    except template_forms.FormProblems as problems:
        raise InputError(_explained(local, problems.errors, "values")) from problems
    try:
        template_forms.check_secrets(local.template, secrets)
    except template_forms.FormProblems as problems:
        raise InputError(_explained(local, problems.errors, "secrets")) from problems
    return left


def _explained(local: LocalTemplate, problems: Sequence[JsonObject], what: str) -> str:
    lines = [f"The {what} do not fit the form of {local.path}:"]
    for problem in problems:
        path = [part for part in problem["path"] if part != what] if what == "secrets" else problem["path"]
        rule, argument = str(problem["name"]), problem.get("argument")
        if rule == "required":
            name = failures.dotted((*path, str(argument)))
            lines.append(f"  {name} is required; give --{what} {name}=…{_asked(local, (*path, str(argument)))}")
        else:
            words = failures.worded(path, rule, argument, problem.get("instance", UNDEFINED), problem["message"])
            lines.append(f"  {words.replace(chr(39), '') if path else words}{_asked(local, path)}")
    return "\n".join(lines)


def _asked(local: LocalTemplate, path: Sequence[str | int]) -> str:
    """Return where the form asks for a value, in parentheses; nothing where that does not show."""
    name = path[0] if path else None
    parameters = local.entity["spec"].get("parameters")
    pages = parameters if isinstance(parameters, list) else [parameters]
    for number, page in enumerate(pages):
        properties = page.get("properties") if isinstance(page, dict) else None
        if isinstance(properties, dict) and name in properties:
            start: tuple[str | int, ...] = ("spec", "parameters", *([number] if isinstance(parameters, list) else []))
            return f" ({local.place((*start, 'properties', str(name)))})"
    return ""


def with_defaults(pages: Sequence[JsonObject], values: Mapping[str, Json]) -> JsonObject:
    """Return values as the form would send them: with the defaults of what is asked for and was not given.

    Defaults in branches (``dependencies``, ``oneOf``, ``if``) count only where the branch applies, and those of pages
    only where the page is shown.
    """
    filled: JsonObject = dict(values)
    for _, page in shown(pages, filled):
        for name, schema in visible(page, filled):
            if name not in filled and (default := default_of(schema)) is not None:
                filled[name] = default
    return filled


def with_masks(pages: Sequence[JsonObject], values: JsonObject, secrets: Mapping[str, str]) -> JsonObject:
    """Return values with an asterisk for each character of a secret, as the form's field for secrets leaves them.

    The text itself is sent as a secret; the form's ``required`` and ``minLength`` check the mask.
    """
    masked: JsonObject = dict(values)
    for _, page in shown(pages, masked):
        for name, schema in visible(page, masked):
            if name in secrets and name not in masked and is_secret(schema):
                masked[name] = "*" * len(secrets[name])
    return masked


def shown(pages: Sequence[JsonObject], values: JsonObject) -> Iterator[tuple[int, JsonObject]]:
    """Yield the pages that are shown, with their numbers; each for the values that there are when it comes."""
    for number in range(1, len(pages) + 1):
        if parameter_pages.shown(pages[:number], values).visible[-1]:
            yield number, pages[number - 1]


def is_secret(schema: JsonObject) -> bool:
    """Whether a field's text goes to ``secrets``."""
    field = schema.get("ui:field")
    return isinstance(field, str) and "secret" in field.lower()


def default_of(schema: JsonObject) -> Json:
    """Return what a field starts with: its default, or an object of its members' defaults; None for nothing."""
    if "default" in schema:
        return copy.deepcopy(schema["default"])
    properties = schema.get("properties")
    if schema.get("type") == "object" and isinstance(properties, dict):
        members = {name: default_of(one) for name, one in properties.items() if isinstance(one, dict)}
        return {name: value for name, value in members.items() if value is not None} or None
    return None


def visible(schema: JsonObject, values: Mapping[str, Json]) -> Iterator[tuple[str, JsonObject]]:
    """Yield the properties that a page asks for, given what was entered so far; later branches see later values."""
    properties = schema.get("properties")
    for name, one in properties.items() if isinstance(properties, dict) else ():
        if isinstance(one, dict):
            yield name, one
    dependencies = schema.get("dependencies")
    for name, dependency in dependencies.items() if isinstance(dependencies, dict) else ():
        if name in values and isinstance(dependency, dict):
            yield from _branch(dependency, values, steered_by=name)
    for part in schema.get("allOf") or ():
        if isinstance(part, dict):
            yield from visible(part, values)
    yield from _branch({key: schema[key] for key in ("oneOf", "anyOf") if key in schema}, values, steered_by=None)
    if isinstance(condition := schema.get("if"), dict):
        chosen = schema.get("then" if fits(condition, values) else "else")
        if isinstance(chosen, dict):
            yield from visible(chosen, values)


def _branch(
    schema: JsonObject, values: Mapping[str, Json], *, steered_by: str | None
) -> Iterator[tuple[str, JsonObject]]:
    if "properties" in schema or "allOf" in schema or "if" in schema:
        yield from visible({key: schema[key] for key in schema if key not in ("oneOf", "anyOf")}, values)
    for keyword in ("oneOf", "anyOf"):
        for option in schema.get(keyword) or ():
            if isinstance(option, dict) and steers(option, values, steered_by):
                for name, one in visible(option, values):
                    if name != steered_by:
                        yield name, one
                break


def steers(option: JsonObject, values: Mapping[str, Json], name: str | None) -> bool:
    """Whether a branch applies: by the property that steers it, or by all that it fixes."""
    properties = option.get("properties")
    if not isinstance(properties, dict):
        return False
    fixed = {key: one for key, one in properties.items() if isinstance(one, dict) and ("const" in one or "enum" in one)}
    if name is not None:
        fixed = {name: fixed[name]} if name in fixed else {}
        return not fixed or fits({"properties": fixed}, values)
    return bool(fixed) and fits({"properties": fixed}, values)


def fits(condition: JsonObject, values: Mapping[str, Json]) -> bool:
    """Say whether values satisfy a schema, as the condition of an ``if`` is meant."""
    from backstage_py.model.npm_jsonschema import validate

    return not validate(dict(values), condition)
