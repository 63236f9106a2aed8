"""What an editor asks about a place in a template: completions, explanations, where a name comes from.

Everything is a function of a text, a line and a column (both from 0, columns in characters); the text may be half
written. If it does not parse, it is read without the line that is being written.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from backstage_py.lint import documents, explaining, vocabulary
from backstage_py.lint.actions import Catalogue, KnownAction
from backstage_py.lint.indented import KEY, Indented
from backstage_py.lint.view import Step, Template, Vocabulary
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject

Kind = Literal["action", "input", "parameter", "step", "output", "filter", "value", "name"]

_VALUE = re.compile(r"^(?P<indent>\s*(?:- +)*)(?P<key>[\w:]+):\s+(?P<typed>[^\s#]*)$")
_PARTIAL_KEY = re.compile(r"^(?P<indent>\s*(?:- +)*)(?P<typed>[\w:]*)$")
_CONDITION = re.compile(r"^(?P<indent>\s*(?:- +)*)when:\s+['\"]?(?P<typed>.*)$")
_CHAIN = re.compile(r"(?:[\w$-]+|\['[^']*'?\]?|\[\"[^\"]*\"?\]?|\.)*$")
_FILTER = re.compile(r"\|\s*(\w*)$")
_WORD = re.compile(r"[\w:.$-]+|\['[^']*'\]|\[\"[^\"]*\"\]")
_WORD_BEFORE = re.compile(r"[\w$-]*$")
_TEXT_BEFORE = re.compile(r"[^\s'\"]*$")
_MEMBERS = re.compile(r"\['([^']*)'\]|\[\"([^\"]*)\"\]|([\w$-]+)")

_ONLY_PAGE_KEYS = vocabulary.PAGE_KEYS - {"when"}


@dataclass(frozen=True, slots=True)
class Completion:
    """Something that may stand at the place; ``detail`` says what it is."""

    label: str
    kind: Kind
    detail: str = ""
    documentation: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a text: line and column from 0."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Editing:
    """A text that is being edited."""

    text: str
    catalogue: Catalogue
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    @property
    def _lines(self) -> Indented:
        return Indented(self.text)

    def completions(self, spot: Spot) -> list[Completion]:
        """Return what may be written at the place."""
        before = self._lines.line(spot.line)[: spot.column]
        condition = self._page_condition(before, spot.line)
        inside = _open_expression(before)
        if condition is not None:
            return list(self._in_condition(condition if inside is None else inside, spot))
        if inside is not None:
            return list(self._in_expression(inside, spot))
        if found := _VALUE.match(before):
            return list(self._values(found["key"], spot.line, len(found["indent"])))
        if found := _PARTIAL_KEY.match(before):
            return list(self._keys(spot.line, len(found["indent"]), begins="-" in found["indent"]))
        return []

    def typed_from(self, spot: Spot) -> int:
        """Return the column where the word begins that a completion at the place takes the place of."""
        before = self._lines.line(spot.line)[: spot.column]
        is_expression = _open_expression(before) is not None or self._page_condition(before, spot.line) is not None
        word = _WORD_BEFORE if is_expression else _TEXT_BEFORE
        return len(before) - len(word.search(before)[0])  # type: ignore[index]  # it matches nothing at least

    def hover(self, spot: Spot) -> str | None:
        """Return an explanation in Markdown of what stands at the place."""
        line = self._lines.line(spot.line)
        if key := KEY.match(line):
            start = len(key["indent"])
            if key["key"] == "action" and spot.column > start + len("action"):
                known = self.catalogue.get(line[key.end() :].strip().strip("'\""))
                return explain_action(known) if known else None
            if key["key"] == "ui:field" and spot.column > start + len("ui:field"):
                return explaining.field_text(line[key.end() :].strip().strip("'\""))
            if start <= spot.column <= start + len(key["key"]):
                return explaining.ui_key_text(key["key"]) or self._explain_key(spot.line, start, key["key"])
        if (name := self._filter_at(spot)) and (text := explaining.filter_text(name)):
            return text
        chain = self._chain_at(spot)
        return self._explain_chain(chain) if chain else None

    def definition(self, spot: Spot) -> Spot | None:
        """Return where the step or parameter is declared that an expression names."""
        chain = self._chain_at(spot)
        template = self._template(spot.line)
        if not chain or template is None or len(chain) < 2:  # noqa: PLR2004  # root and name
            return None
        if chain[0] == "steps" and (steps := template.steps_by_id.get(chain[1])):
            return _spot(template, (*steps[0].path, "id"))
        if chain[0] == "parameters" and (declared := template.form.declared.get(chain[1])):
            return _spot(template, declared[0].path, on_key=True)
        return None

    # --- completions

    def _in_expression(self, inside: str, spot: Spot) -> Iterator[Completion]:
        if _FILTER.search(inside):
            for name in sorted(vocabulary.FILTERS | vocabulary.BACKSTAGE_FILTERS | self.vocabulary.filters):
                yield Completion(name, "filter")
            return
        names = _members(_CHAIN.search(inside)[0])  # type: ignore[index]  # it matches nothing at least
        template = self._template(spot.line)
        match names:
            case ["parameters", _]:
                yield from _parameters(template)
            case ["steps", _]:
                yield from _steps(template)
            case ["steps", _, _]:
                yield Completion("output", "name")
            case ["steps", step_id, "output", _]:
                yield from _outputs(template, step_id)
            case ["user", _]:
                yield from (Completion(name, "name") for name in ("entity", "ref"))
            case ["each", _]:
                yield from (Completion(name, "name") for name in ("key", "value"))
            case [] | [_]:
                for name in sorted(vocabulary.STEP_ROOTS | vocabulary.STEP_GLOBALS | self.vocabulary.globals):
                    yield Completion(name, "name")

    def _in_condition(self, inside: str, spot: Spot) -> Iterator[Completion]:
        """What the form knows: no filters but the language's, and parameters alone."""
        names = _members(_CHAIN.search(inside)[0])  # type: ignore[index]  # it matches nothing at least
        if _FILTER.search(inside):
            yield from (Completion(name, "filter") for name in sorted(vocabulary.FILTERS))
        elif names[:1] == ["parameters"] and len(names) == 2:  # noqa: PLR2004  # root and name
            yield from _parameters(self._template(spot.line))
        elif len(names) <= 1:
            yield from (Completion(name, "name") for name in sorted({"parameters"} | vocabulary.GLOBALS))

    def _values(self, key: str, line: int, indent: int) -> Iterator[Completion]:
        if key == "action":
            for action in sorted(self.catalogue.actions.values(), key=lambda one: one.id):
                yield Completion(action.id, "action", action.origin, action.description)
            return
        parent, action_id, _ = self._lines.surroundings(line, indent)
        known = self.catalogue.get(action_id) if action_id else None
        if parent == "input" and known:
            schema = dict(properties_of(known.input)).get(key, {})
            yield from (Completion(name, "value", key) for name in _written_values(schema))
            return
        fields = vocabulary.FIELDS | self.vocabulary.fields
        names = {"ui:field": fields, "ui:widget": vocabulary.WIDGETS, "type": vocabulary.SCHEMA_TYPES}
        for name in sorted(names.get(key, ())):
            yield Completion(name, "value")

    def _keys(self, line: int, indent: int, *, begins: bool) -> Iterator[Completion]:
        parent, action, siblings = self._lines.surroundings(line, indent)
        if begins:
            parent, siblings = self._lines.list_around(line, indent), set()
        known = self.catalogue.get(action) if action else None
        if parent == "input" and known:
            required = set(known.input.get("required") or ())
            for name, schema in properties_of(known.input):
                if name not in siblings:
                    detail = f"{_type(schema)}{' (required)' if name in required else ''}"
                    yield Completion(name, "input", detail, str(schema.get("description") or ""))
        elif parent == "steps":
            yield from (Completion(key, "name") for key in sorted(vocabulary.STEP_KEYS) if key not in siblings)
        elif parent != "parameters" and (above := self._lines.above(line, indent)) and "parameters" in above:
            yield from self._schema_keys(above, line, indent, siblings)
        elif parent == "parameters":
            known_keys = vocabulary.PAGE_KEYS if begins or self._lines.is_item(line, indent) else _ONLY_PAGE_KEYS
            yield from (Completion(key, "name") for key in sorted(known_keys) if key not in siblings)

    def _schema_keys(self, above: list[str], line: int, indent: int, siblings: set[str]) -> Iterator[Completion]:
        """Keys of a parameter's schema, and options of its field."""
        if above[0] == "ui:options":
            field = next((found for key, found in self._lines.pairs_around(line, indent) if key == "ui:field"), "")
            options = vocabulary.FIELD_OPTIONS.get(field, frozenset())
            for name in sorted(options) + sorted(vocabulary.GENERAL_OPTIONS - options):
                if name not in siblings:
                    yield Completion(name, "input", f"option of {field}" if name in options else "")
        elif len(above) > 1 and above[1] in ("properties", "parameters") and above[0] != "properties":
            for name in sorted(vocabulary.UI_KEYS) + sorted(vocabulary.SCHEMA_KEYS):
                if name not in siblings:
                    yield Completion(name, "name", "", explaining.UI_KEYS.get(name, ""))

    # --- explanations

    def _explain_key(self, line: int, indent: int, key: str) -> str | None:
        parent, action, _ = self._lines.surroundings(line, indent)
        known = self.catalogue.get(action) if action else None
        if parent == "input" and known:
            for name, schema in properties_of(known.input):
                if name == key:
                    return f"`{name}` ({_type(schema)}) of {known.id}\n\n{schema.get('description') or ''}".strip()
        return None

    def _explain_chain(self, chain: list[str]) -> str | None:
        template = self._template(None)
        if template is None or len(chain) < 2:  # noqa: PLR2004  # root and name
            return None
        if chain[0] == "parameters" and (declared := template.form.declared.get(chain[1])):
            schema = declared[0].schema
            lines = [f"parameter `{chain[1]}` ({_type(schema)})", schema.get("title"), schema.get("description")]
            return "\n\n".join(str(one) for one in lines if one)
        if chain[0] == "steps" and (steps := template.steps_by_id.get(chain[1])):
            known = template.action_of(steps[0])
            outputs = ", ".join(f"`{name}`" for name in sorted(known.outputs)) if known else ""
            text = f"step `{chain[1]}` ({steps[0].action})"
            return f"{text}\n\nOutputs: {outputs}" if outputs else text
        return None

    # --- the text

    def _page_condition(self, before: str, line: int) -> str | None:
        """What is written of the ``when`` of a page, if ``before`` is one."""
        found = _CONDITION.match(before)
        parent = self._lines.surroundings(line, len(found["indent"]))[0] if found else None
        return found["typed"] if found and parent == "parameters" else None

    def _filter_at(self, spot: Spot) -> str | None:
        line = self._lines.line(spot.line)
        for found in re.finditer(r"\|\s*([A-Za-z_]\w*)", line):
            if found.start(1) <= spot.column <= found.end(1) and _open_expression(line[: found.start()]) is not None:
                return found[1]
        return None

    def _chain_at(self, spot: Spot) -> list[str]:
        line = self._lines.line(spot.line)
        inside = _open_expression(line[: spot.column] + " ") is not None or "${{" in line[: spot.column + 3]
        if not inside and self._page_condition(line, spot.line) is None:
            return []
        for found in re.finditer(r"(?:[\w$]+)(?:\.[\w$]+|\['[^']*'\]|\[\"[^\"]*\"\])*", line):
            if found.start() <= spot.column <= found.end():
                return _members(found[0])
        return []

    def _template(self, without: int | None) -> Template | None:
        for text in (self.text, self._without(without)) if without is not None else (self.text,):
            for document in yaml.load_all(text):
                for entity in documents.entities([document], all_of_them=False):
                    if entity.is_template:
                        return Template(document, self.catalogue, self.vocabulary)
        return None

    def _without(self, number: int) -> str:
        lines = self.text.split("\n")
        return "\n".join("" if index == number else line for index, line in enumerate(lines))


def explain_action(action: KnownAction) -> str:
    """Return an action's documentation in Markdown."""
    lines = [f"**{action.id}** ({action.origin})", "", action.description]
    for title, schema in (("Input", action.input), ("Output", action.output)):
        required = set(schema.get("required") or ())
        rows = [
            f"- `{name}`{' *' if name in required else ''} ({_type(one)}): {one.get('description') or ''}".rstrip(": ")
            for name, one in properties_of(schema)
        ]
        if rows:
            lines += ["", f"{title}:", *rows]
    return "\n".join(lines)


def properties_of(schema: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield the properties of a schema and of its alternatives, each once."""
    seen: set[str] = set()
    alternatives: Iterable[Json] = (schema, *(schema.get("anyOf") or ()), *(schema.get("oneOf") or ()))
    for one in alternatives:
        for name, inner in (one.get("properties") or {}).items() if isinstance(one, dict) else ():
            if name not in seen and isinstance(inner, dict):
                seen.add(name)
                yield name, inner


def _written_values(schema: JsonObject) -> list[str]:
    """What may stand there word for word: of an enum, or true and false."""
    branches = [schema, *(one for key in ("anyOf", "oneOf") for one in schema.get(key) or () if isinstance(one, dict))]
    found = [one for branch in branches for one in branch.get("enum") or () if isinstance(one, str)]
    booleans = ["true", "false"] if any(branch.get("type") == "boolean" for branch in branches) else []
    return list(dict.fromkeys((*found, *booleans)))


def _parameters(template: Template | None) -> Iterator[Completion]:
    for name, declared in template.form.declared.items() if template else ():
        schema = declared[0].schema
        yield Completion(name, "parameter", _type(schema), str(schema.get("description") or schema.get("title") or ""))


def _steps(template: Template | None) -> Iterator[Completion]:
    for step_id, steps in template.steps_by_id.items() if template else ():
        yield Completion(step_id, "step", steps[0].action or "", _name(steps[0]))


def _outputs(template: Template | None, step_id: str) -> Iterator[Completion]:
    for step in template.steps_by_id.get(step_id, [])[:1] if template else ():
        known = template.action_of(step) if template else None
        for name, schema in properties_of(known.output) if known else ():
            yield Completion(name, "output", _type(schema), str(schema.get("description") or ""))


def _name(step: Step) -> str:
    return str(step.value.get("name") or "")


def _type(schema: JsonObject) -> str:
    declared = schema.get("type")
    return " or ".join(map(str, declared)) if isinstance(declared, list) else str(declared or "any")


def _open_expression(before: str) -> str | None:
    """The text of an expression that is open at the end of ``before``."""
    start = before.rfind("${{")
    return before[start + 3 :] if start >= 0 and "}}" not in before[start:] else None


def _members(chain: str) -> list[str]:
    names = [next(part for part in found if part) for found in _MEMBERS.findall(chain) if any(found)]
    return [*names, ""] if chain.endswith((".", "['", '["')) else names


def _spot(template: Template, path: tuple[str | int, ...], *, on_key: bool = False) -> Spot:
    place = template.document.key_position(path) if on_key else template.document.position(path)
    return Spot(place.line - 1, place.column - 1)
