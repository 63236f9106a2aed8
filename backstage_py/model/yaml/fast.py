"""The quick way for ordinary files: libyaml's events, given up as soon as a text leaves the ground where both agree.

libyaml is stricter than the JS package in some places and laxer in others. What it refuses is read again by
`parser`; where it accepts what the JS package refuses or reads differently (quoted scalars and flow collections
over several lines, tabs, anchors, tags, numbered keys, ...), this module notices and steps back too.
"""

import re
from typing import Any

import yaml

from backstage_py.model.json import Json
from backstage_py.model.yaml import scalars
from backstage_py.model.yaml.cursor import MAX_DEPTH
from backstage_py.model.yaml.nodes import MOST_NODES, too_many

_LINE_BREAKS_OF_LIBYAML = "\x85\u2028\u2029\ufeff"
_BARE_RETURN = re.compile(r"\r(?!\n)")
_EXPLICIT_KEY = re.compile(r"(?:^|[\s,\[{:-])\?(?:[\s,\[\]{}]|\Z)", re.MULTILINE)
_MARKER_WITH_TEXT = re.compile(r"^---[ ]+[^\s#]", re.MULTILINE)
_ODD_BLOCK_HEADER = re.compile(r"[|>][-+]*[0-9#]|^[ ]*[|>]", re.MULTILINE)
_SPACES_ONLY = re.compile(r"^[ ]+\r?$", re.MULTILINE)
_BLOCK_STYLES = frozenset("|>")


class NeedsExactReader(Exception):  # noqa: N818 -- not an error: the other reader takes over
    """This text needs the exact reader."""


def available() -> bool:
    """Whether PyYAML was built with libyaml."""
    return bool(yaml.__with_libyaml__)


def _needs_exact_reader(text: str) -> bool:
    """Whether the text holds anything that the two libraries may read differently, or nearly so.

    Plain substring tests come first: they cost next to nothing on the files that have none of it.
    """
    return (
        "\t" in text
        or "\x7f" in text
        or "\\'" in text
        or text.startswith(("%", "..."))
        or "\n%" in text
        or "\n..." in text
        or (not text.isascii() and any(ch in text for ch in _LINE_BREAKS_OF_LIBYAML))
        or ("\r" in text and _BARE_RETURN.search(text) is not None)
        or ("?" in text and _EXPLICIT_KEY.search(text) is not None)
        or ("--- " in text and _MARKER_WITH_TEXT.search(text) is not None)
        or (("|" in text or ">" in text) and _ODD_BLOCK_HEADER.search(text) is not None)
        or ((" \n" in text or " \r\n" in text or text.endswith(" ")) and _SPACES_ONLY.search(text) is not None)
    )


def read(text: str) -> list[Json]:
    """The values of all documents.

    Raises:
        NeedsExactReader: the text is not valid, or not of the kind where libyaml can be trusted.
        Fault: it has too many values.
    """
    if _needs_exact_reader(text):
        raise NeedsExactReader
    if not text.endswith("\n"):
        text += "\n"
    try:
        loader = yaml.CBaseLoader(text)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise NeedsExactReader from error
    try:
        return _documents(text, loader.get_event)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise NeedsExactReader from error
    finally:
        loader.dispose()


def _documents(text: str, next_event: Any) -> list[Json]:
    """One loop over all events: the stack holds open collections, `key` the name that waits for its value."""
    documents: list[Json] = []
    stack: list[tuple[Json, str | None, Any]] = []
    top: Json = None
    key: str | None = None
    flow: Any = None
    value: Json = None
    left = MOST_NODES
    while True:
        event = next_event()
        left -= 1
        if left < 0:
            raise too_many(event.start_mark.index)
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                raise NeedsExactReader
            if top is None and event.style in _BLOCK_STYLES:
                raise NeedsExactReader  # libyaml wants the lines of a document's only block scalar to be indented
            value = _scalar(text, event, in_flow=flow is not None)
            if type(top) is dict and key is None:
                key = _new_key(value, top)
                continue
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if event.anchor is not None or event.tag is not None or (type(top) is dict and key is None):
                raise NeedsExactReader
            stack.append((top, key, flow))
            if len(stack) > MAX_DEPTH:
                raise NeedsExactReader
            if event.flow_style and flow is None:
                flow = event.start_mark
            top, key = ({} if kind is yaml.MappingStartEvent else []), None
            continue
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            value = top
            top, key, outer = stack.pop()
            if flow is not outer:
                _check_flow_end(text, flow, event)
                flow = outer
        elif kind is yaml.DocumentEndEvent:
            documents.append(value)
            continue
        elif kind is yaml.DocumentStartEvent:
            value = None
            continue
        elif kind is yaml.StreamStartEvent:
            continue
        elif kind is yaml.StreamEndEvent:
            return documents
        else:
            raise NeedsExactReader
        if type(top) is dict:
            top[key] = value
            key = None
        elif type(top) is list:
            top.append(value)


def _scalar(text: str, event: Any, *, in_flow: bool) -> Json:
    style = event.style
    if style in _BLOCK_STYLES:
        return event.value
    start, end = event.start_mark, event.end_mark
    if start.line != end.line:
        raise NeedsExactReader
    if style:
        if text[end.index] == "#":
            raise NeedsExactReader
        return event.value
    if in_flow and (":" in event.value or "?" in event.value or event.value == "-"):
        raise NeedsExactReader
    return scalars.plain(event.value)


def _new_key(value: Json, mapping: dict[str, Json]) -> str:
    """Numbered keys change the order of a JS object, and a key twice is an error."""
    if type(value) is not str or value in mapping or "0" <= value[:1] <= "9":
        raise NeedsExactReader
    return value


def _check_flow_end(text: str, start: Any, event: Any) -> None:
    end = event.end_mark
    if start.line != end.line or text[end.index] == "#":
        raise NeedsExactReader
