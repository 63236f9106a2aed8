"""A template's form in a terminal: one question after the other, in the order in which the form would show them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backstage_py.cli.local import form
from backstage_py.cli.local.form import default_of, fits, is_secret, steers, visible
from backstage_py.errors import InputError
from backstage_py.js import numbers
from backstage_py.lint.form import schema_types
from backstage_py.model import json, npm_jsonschema, parameter_pages, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.template import Template

_DEEPEST = 6
_MOST_QUESTIONS = 500

Validate = Callable[[str], str | None]
"""Returns what is wrong with a text, None if it is right."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a list: what is shown, and the value that it stands for."""

    title: str
    value: Json


class Prompter(Protocol):
    """Asks a person. Each method returns the answer; KeyboardInterrupt when the person gives up."""

    def section(self, title: str, description: str) -> None:
        """Show the beginning of a page."""

    def text(self, label: str, default: str, validate: Validate) -> str:
        """Ask for a line."""

    def secret(self, label: str, validate: Validate) -> str:
        """Ask for a line that is not shown."""

    def confirm(self, label: str, *, default: bool) -> bool:
        """Ask yes or no."""

    def choose(self, label: str, choices: Sequence[Choice], default: Json) -> Json:
        """Ask for one of a list."""

    def choose_many(self, label: str, choices: Sequence[Choice], default: Sequence[Json]) -> list[Json]:
        """Ask for any number of a list."""


def fill_in(
    template: Template, given: Mapping[str, Json], secrets: Mapping[str, str], prompter: Prompter
) -> tuple[JsonObject, dict[str, str]]:
    """Ask for everything that is not given, and return values and secrets.

    A question appears when what it depends on has been answered, and a page when its condition holds, as in the form.
    """
    values: JsonObject = dict(given)
    entered = dict(secrets)
    for number, page in form.shown(template.pages, values):
        prompter.section(str(page.get("title") or f"Page {number}"), str(page.get("description") or ""))
        _page(page, values, entered, prompter)
    schema = template.secrets_schema if isinstance(template.secrets_schema, dict) else {}
    required = schema.get("required") or ()
    for name, one in _items(schema.get("properties")):
        if name not in entered and (answer := _secret(name, one, prompter, required=name in required)):
            entered[name] = answer
    return parameter_pages.shown(template.pages, values).values, entered


def missing(template: Template, given: Mapping[str, Json], secrets: Mapping[str, str]) -> list[str]:
    """Return the names that would have to be asked for, where nobody can be asked."""
    pages = [page for _, page in form.shown(template.pages, dict(given))]
    required = [name for page in pages for name in _required(page, given) if name not in given and name not in secrets]
    schema = template.secrets_schema if isinstance(template.secrets_schema, dict) else {}
    return required + [name for name in schema.get("required") or () if name not in secrets]


def _page(page: JsonObject, values: JsonObject, secrets: dict[str, str], prompter: Prompter) -> None:
    asked: set[str] = set(values) | set(secrets)
    for _ in range(_MOST_QUESTIONS):
        following = next(((name, one) for name, one in visible(page, values) if name not in asked), None)
        if following is None:
            return
        name, schema = following
        asked.add(name)
        required = name in _required(page, values)
        if is_secret(schema) or _is_masked(schema):
            if answer := _secret(name, schema, prompter, required=required):
                (secrets if is_secret(schema) else values)[name] = answer
            continue
        value = _ask(name, schema, prompter, required=required)
        if value is not None:
            values[name] = value


def _required(page: JsonObject, values: Mapping[str, Json], *, steered_by: str | None = None) -> Iterator[str]:
    """Yield the names that must be answered: of the page, and of those of its branches that apply."""
    names = page.get("required")
    yield from (name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
    for name, dependency in _items(page.get("dependencies")):
        if name in values and isinstance(dependency, list):
            yield from dependency
        elif name in values and isinstance(dependency, dict):
            yield from _required(dependency, values, steered_by=name)
    for part in page.get("allOf") or ():
        if isinstance(part, dict):
            yield from _required(part, values)
    for keyword in ("oneOf", "anyOf"):
        options = (one for one in page.get(keyword) or () if isinstance(one, dict))
        chosen = next((one for one in options if steers(one, values, steered_by)), None)
        yield from _required(chosen, values) if chosen else ()
    if isinstance(condition := page.get("if"), dict):
        branch = page.get("then" if fits(condition, values) else "else")
        yield from _required(branch, values) if isinstance(branch, dict) else ()


def _ask(name: str, schema: JsonObject, prompter: Prompter, *, required: bool, depth: int = 0) -> Json:
    default = default_of(schema)
    if schema.get("ui:widget") == "hidden" or schema.get("type") == "null" or "const" in schema:
        return schema.get("const", default)
    label = _label(name, schema, required=required)
    types = schema_types(schema)
    if choices := _choices(schema):
        offered = choices if required else [*choices, Choice("(none)", None)]
        return prompter.choose(label, offered, default)
    if "boolean" in types:
        return prompter.confirm(label, default=default is True)
    if schema.get("ui:field") == "RepoUrlPicker":
        return _repository(label, schema, prompter)
    if "array" in types:
        return _list(label, schema, prompter, default, required=required)
    if "object" in types and isinstance(schema.get("properties"), dict) and depth < _DEEPEST:
        prompter.section(label, str(schema.get("description") or ""))
        inner = schema.get("required") or ()
        answers = {
            key: _ask(key, one, prompter, required=key in inner, depth=depth + 1) for key, one in visible(schema, {})
        }
        return {key: value for key, value in answers.items() if value is not None} or None
    check = _checker(schema, required=required)
    text = prompter.text(label, _shown(default), check)
    return parse(text, schema)


def _list(label: str, schema: JsonObject, prompter: Prompter, default: Json, *, required: bool) -> Json:
    items = schema.get("items")
    if isinstance(items, dict) and (choices := _choices(items)):
        return prompter.choose_many(label, choices, default if isinstance(default, list) else [])
    shown = ", ".join(str(one) for one in default) if isinstance(default, list) else ""
    text = prompter.text(f"{label} (separated by commas, or YAML)", shown, _checker(schema, required=required))
    return parse(text, schema)


def _repository(label: str, schema: JsonObject, prompter: Prompter) -> str:
    """Ask for the parts of what a RepoUrlPicker gives: ``host?owner=…&repo=…``."""
    options = schema.get("ui:options") if isinstance(schema.get("ui:options"), dict) else {}

    def part(name: str, key: str, fallback: str) -> str:
        allowed = [str(one) for one in (options or {}).get(key) or ()]
        if name == "host" and len(allowed) == 1:
            return allowed[0]
        if len(allowed) > 1:
            return str(prompter.choose(f"{label}: {name}", [Choice(one, one) for one in allowed], allowed[0]))
        return prompter.text(f"{label}: {name}", allowed[0] if allowed else fallback, _not_empty)

    host = part("host", "allowedHosts", "github.com")
    owner = part("owner", "allowedOwners", "")
    repo = part("repository", "allowedRepos", "")
    return f"{host}?owner={owner}&repo={repo}"


def parse(text: str, schema: JsonObject) -> Json:
    """Return the value that a line stands for, by the schema's type; None for an empty one."""
    if not text.strip():
        return None
    types = schema_types(schema)
    if not types or "string" in types:
        return text
    if types & {"number", "integer"}:
        return numbers.whole(float(text))
    value = yaml.load(text)
    if "array" in types and not isinstance(value, list):
        return [one.strip() for one in text.split(",") if one.strip()]
    return value


def _checker(schema: JsonObject, *, required: bool) -> Validate:
    def check(text: str) -> str | None:
        if not text.strip():
            return "An answer is needed" if required else None
        try:
            value = parse(text, schema)
        except ValueError:
            return f"Expected {' or '.join(sorted(schema_types(schema)))}"
        try:
            problems = npm_jsonschema.validate(value, {key: one for key, one in schema.items() if key != "required"})
        except npm_jsonschema.SchemaProblem:
            return None  # the schema's own fault; the run says so
        return str(problems[0].message) if problems else None

    return check


def _secret(name: str, schema: Json, prompter: Prompter, *, required: bool) -> str:
    shown = schema if isinstance(schema, dict) else {}
    return prompter.secret(_label(name, shown, required=required), _checker(shown, required=required))


def hidden(template: Template) -> set[str]:
    """Return the names of values that are not to be shown."""
    return {name for page in template.pages for name, one in _items(page.get("properties")) if _is_masked(one)}


def _is_masked(schema: Json) -> bool:
    """Whether the form shows dots for what is typed; the value is sent openly nevertheless."""
    return isinstance(schema, dict) and schema.get("ui:widget") == "password"


def _choices(schema: JsonObject) -> list[Choice]:
    enum, names = schema.get("enum"), schema.get("enumNames")
    if isinstance(enum, list):
        titles = names if isinstance(names, list) and len(names) == len(enum) else enum
        return [Choice(_shown(title), value) for title, value in zip(titles, enum, strict=True)]
    for keyword in ("oneOf", "anyOf"):
        branches = schema.get(keyword)
        if (
            isinstance(branches, list)
            and branches
            and all(isinstance(one, dict) and "const" in one for one in branches)
        ):
            return [Choice(str(one.get("title") or _shown(one["const"])), one["const"]) for one in branches]
    return []


def _label(name: str, schema: JsonObject, *, required: bool) -> str:
    title = str(schema.get("title") or name)
    description = str(schema.get("description") or "").strip().split("\n", 1)[0]
    return f"{title}{'' if required else ' (optional)'}{f': {description}' if description else ''}"


def _shown(value: Json) -> str:
    return "" if value is None else value if isinstance(value, str) else json.text(value)


def _items(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def _not_empty(text: str) -> str | None:
    return None if text.strip() else "An answer is needed"


def refuse_to_ask(names: Sequence[str], why: str | None = None) -> InputError:
    """Return the error for a run that would have to ask where nobody can be asked, or wants to be."""
    return InputError(
        f"{why or 'There is no terminal to ask in'}; give {', '.join(names)} with --values NAME=VALUE or "
        "--secrets NAME=VALUE"
    )
