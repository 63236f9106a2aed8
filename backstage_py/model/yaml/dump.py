"""Plain data to YAML text, as `stringify` of the JS package `yaml` prints it."""

import math
from dataclasses import dataclass, replace

from backstage_py.js import numbers
from backstage_py.js.text import fuse, units
from backstage_py.js.values import in_key_order
from backstage_py.model.json import Json
from backstage_py.model.yaml import strings
from backstage_py.model.yaml.nodes import Alias, Mapping, Node, Scalar, Sequence
from backstage_py.model.yaml.scalars import resolve
from backstage_py.model.yaml.strings import Place, Written
from backstage_py.model.yaml.style import DEFAULT, Style
from backstage_py.model.yaml.tags import CORE

MAX_DEPTH = 200
_STEP = "  "
_ITEM = "  "
"""What stands before a list's items, whatever the indentation of maps."""
_LONGEST_KEY = 1024


def dump(value: Json, style: Style = DEFAULT) -> str:
    """The text of one value, with a final line break; keys in their order, lines folded at 80 columns by default.

    Raises:
        ValueError: the value is no JSON, refers to itself or is nested too deeply.
    """
    written = _any(value, Place(options=style, flow=bool(style.flow)), 0)
    text = fuse(written.text) + "\n"
    if not style.directives:
        return text
    return f"---{' ' if text[0] in '|>' else chr(10)}{text}"


def _any(value: Json, place: Place, depth: int) -> Written:
    if depth > MAX_DEPTH:
        raise ValueError(f"The data is nested more than {MAX_DEPTH} levels deep, or refers to itself")
    if isinstance(value, str):
        return strings.write(units(value), place)
    if isinstance(value, dict):
        return _map(value, place, depth)
    if isinstance(value, list | tuple):
        return _list(value, place, depth)
    return Written(_atom(value, place.options))


def _atom(value: Json, style: Style) -> str:
    if value is None:
        return style.null_str
    if isinstance(value, bool):
        return style.true_str if value else style.false_str
    if isinstance(value, int | float):
        return _number(value)
    raise ValueError(f"{type(value).__name__} is no JSON value and cannot be written as YAML")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if value == 0 and math.copysign(1, value) < 0:
        return "-0"
    return numbers.to_text(value)


def _lines(parts: list[Written], indent: str) -> Written:
    text = parts[0].text + "".join(f"\n{indent}{part.text}" if part.text else "\n" for part in parts[1:])
    return Written(text, parts[-1].keeps)


def _list(items: Json, place: Place, depth: int) -> Written:
    if not items:
        return Written("[]")
    if place.flow:
        inner = replace(place, indent=place.indent + _ITEM + place.options.step, indent_at_start=None)
        texts = [_any(item, inner, depth + 1).text for item in items]
        return Written(_bracket("[", "]", texts, place.indent, place.options))
    inner = replace(place, indent=place.indent + _ITEM)
    parts = []
    for item in items:
        written = _any(item, inner, depth + 1)
        parts.append(Written(f"- {written.text}", written.keeps))
    return _lines(parts, place.indent)


def _map(mapping: Json, place: Place, depth: int) -> Written:
    if not mapping:
        return Written("{}")
    ordered = in_key_order(mapping)
    if place.flow:
        inner = replace(place, indent=place.indent + place.options.step, indent_at_start=None)
        texts = [_pair(key, value, inner, depth).text for key, value in ordered.items()]
        return Written(_bracket("{", "}", texts, place.indent, place.options))
    return _lines([_pair(key, value, place, depth) for key, value in ordered.items()], place.indent)


def _pair(key: str, value: Json, place: Place, depth: int) -> Written:
    inner = replace(place, indent=place.indent + place.options.step, indent_at_start=None)
    name = strings.write(units(str(key)), replace(inner, key=True, indent_at_start=place.indent_at_start)).text
    explicit = len(name) > _LONGEST_KEY and not place.flow
    if explicit:
        if place.options.simple_keys:
            raise ValueError("With simple keys, single line scalar must not span more than 1024 characters")
        name = f"? {name}\n{place.indent}"
    name += ":"
    if isinstance(value, dict | list | tuple):
        return _collection_after(name, value, inner, depth, explicit=explicit)
    at_start = place.indent_at_start if explicit else len(name) + 1
    written = _any(value, replace(inner, indent_at_start=at_start), depth)
    gap = "" if not explicit and written.text[:1] in {"", "\n"} else " "
    return Written(name + gap + written.text, written.keeps)


def _collection_after(name: str, value: Json, inner: Place, depth: int, *, explicit: bool) -> Written:
    options = inner.options
    indents_less = not options.indent_seq and len(options.step) >= len(_ITEM)
    if isinstance(value, list | tuple) and indents_less and not inner.flow and not explicit:
        inner = replace(inner, indent=inner.indent[len(_ITEM) :])
    written = _any(value, inner, depth + 1)
    in_brackets = options.flow if options.flow is not None else not value
    on_own_line = not explicit and ("\n" in written.text or not in_brackets)
    gap = f"\n{inner.indent}" if on_own_line else " "
    return Written(name + gap + written.text, written.keeps)


def flow_key(node: Node, schema: str) -> str:
    """A key that is a list or a map, as the property name that JavaScript gives it: `{ x }` for `{{ x }}`."""
    return fuse(_KeyWriter(schema).node(node, ""))


@dataclass(frozen=True, slots=True)
class _KeyWriter:
    schema: str

    def node(self, node: Node, indent: str, *, key: bool = False, at_start: int | None = None) -> str:
        if isinstance(node, Alias):
            return f"*{node.name}{' ' if key else ''}"
        props = self._props(node)
        if props:
            at_start = (at_start or 0) + len(props)
        if isinstance(node, Sequence):
            text = _bracket("[", "]", [self.node(item, indent + _STEP) for item in node.items], indent)
        elif isinstance(node, Mapping):
            bare = all(value is None for _, value in node.pairs)
            pairs = [self._pair(name, value, indent + _STEP, bare=bare) for name, value in node.pairs]
            text = _bracket("{", "}", pairs, indent)
        else:
            text = self._scalar(node, Place(indent, at_start, key=key, flow=True))
        return props + text

    def _props(self, node: Scalar | Sequence | Mapping) -> str:
        anchor = f"&{node.anchor} " if node.anchor else ""
        tag = node.tag
        if not tag:
            return anchor
        if tag.startswith(CORE):
            tag = f"!!{tag.removeprefix(CORE)}"
        elif not tag.startswith("!"):
            tag = f"!<{tag}>"
        return f"{anchor}{tag} "

    def _pair(self, key: Node, value: Node | None, indent: str, *, bare: bool) -> str:
        inner = indent + _STEP
        explicit = isinstance(key, Sequence | Mapping) or (
            isinstance(key, Scalar) and key.style in {"literal", "folded"}
        )
        text = self.node(key, inner, key=not explicit and not bare)
        if value is None:
            return (f"? {text}" if explicit else text) if text else "?"
        text = f"? {text}\n{indent}:" if explicit else f"{text}:"
        at_start = len(text) + 1 if isinstance(value, Scalar) and not explicit else None
        written = self.node(value, inner, at_start=at_start)
        if not explicit and isinstance(value, Sequence | Mapping):
            return f"{text}\n{inner}{written}" if "\n" in written else f"{text} {written}"
        return text if not written and not explicit else f"{text} {written}"

    def _scalar(self, node: Scalar, place: Place) -> str:
        value = resolve(node, self.schema)
        if isinstance(value, str):
            return strings.write(units(value), place, node.style).text
        if isinstance(value, bool) or value is None:
            return node.text
        if isinstance(value, dict):  # bytes
            return strings.write(units(node.text), place, node.style).text
        return self._number(node.text, value)

    @staticmethod
    def _number(source: str, value: float) -> str:
        if source.startswith("0o"):
            return f"0o{int(value):o}"
        if source.startswith("0x"):
            return f"0x{int(value):x}"
        if "e" in source.lower() and math.isfinite(value):
            return numbers.to_exponential(value, None)
        text = _number(value)
        point = source.find(".")
        if point != -1 and source.endswith("0") and "e" not in text:
            missing = len(source) - point - 1 - (len(text.partition(".")[2]))
            text = text + ("" if "." in text else ".") + "0" * missing
        return text


def _bracket(start: str, end: str, items: list[str], indent: str, style: Style = DEFAULT) -> str:
    if not items:
        return start + end
    broken = any("\n" in item for item in items)
    lines = [f"{item}," for item in items[:-1]] + items[-1:]
    if not broken and (style.line_width <= 0 or sum(len(line) + 2 for line in lines) + 2 <= style.line_width):
        return f"{start}{style.padding}{' '.join(lines)}{style.padding}{end}"
    body = "".join(f"\n{indent}{style.step}{line}" if line else "\n" for line in lines)
    return f"{start}{body}\n{indent}{end}"
