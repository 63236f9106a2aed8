"""YAML that keeps its comments while data is merged into it, through ruamel.yaml."""

import datetime as dt
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstage_py.plugin import InputError, Json, JsonObject
from backstage_py.plugin.formats import YamlError, load_yaml, yaml_key
from backstage_py_actions.roadiehq import yaml_layout

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_LARGEST = 1024 * 1024
_SEPARATOR = re.compile(r"^---[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_NO_FOLDING = 1_000_000


class CommentsLostError(InputError):
    """The text cannot be read so that its comments are kept."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its text, and what it holds, in dicts and lists that know their comments."""

    text: str
    value: Json

    def changed(self, change: Callable[[Json], Json], options: JsonObject) -> str:
        """Return the text with a change; lines that need none stay as they are.

        Where that cannot be done, because the change stands in lines that ruamel.yaml writes in another way, all of the
        text is ruamel.yaml's.
        """
        unfolded = {**options, "lineWidth": 0}
        before = _written(self.value, unfolded)
        value = change(self.value)
        after = _written(value, unfolded)
        try:
            text = yaml_layout.carried(self.text, before, after)
            if load_yaml(text) == load_yaml(after):
                return text
        except (yaml_layout.LayoutLostError, YamlError):
            pass
        return _written(value, options)


def load(text: str) -> list[str | Document]:
    """Return the documents of a text of at most 1 MiB, and what stands between them as it is.

    Raises:
        CommentsLostError: it is larger, or ruamel.yaml cannot read it.
    """
    from ruamel.yaml.error import YAMLError

    if len(text) > _LARGEST:
        raise CommentsLostError(f"the file is larger than {_LARGEST // (1024 * 1024)} MiB")
    try:
        parts = [_read(part) if part.strip() and not _SEPARATOR.match(part) else part for part in _parts(text)]
    except (YAMLError, YamlError, ValueError, RecursionError) as error:
        raise CommentsLostError(" ".join(str(error).split())) from error
    return parts


def _parts(text: str) -> Iterator[str]:
    """Split a text into documents and the lines between them."""
    done = 0
    for found in _SEPARATOR.finditer(text):
        yield text[done : found.start()]
        yield found[0]
        done = found.end()
    yield text[done:]


def _read(part: str) -> Document:
    value = _yaml({}).load(part)
    if not _is_same(value, load_yaml(part)):
        raise CommentsLostError("a value means something else in Backstage's YAML than in ruamel.yaml's")
    return Document(part, value)


def _is_same(theirs: Json, ours: Json) -> bool:
    """Tell whether ruamel.yaml reads a value as Backstage does; dates are texts there, and keep their text here."""
    if isinstance(theirs, dict):
        named = {_key(name): item for name, item in theirs.items()}
        return isinstance(ours, dict) and named.keys() == ours.keys() and all(_is_same(named[k], ours[k]) for k in ours)
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(theirs) == len(ours) and all(map(_is_same, theirs, ours))
    if isinstance(theirs, dt.date):
        return isinstance(ours, str)
    return bool(theirs == ours) and isinstance(theirs, bool) == isinstance(ours, bool)


def _key(name: Json) -> str | None:
    """Return a key as a property name, None for a collection."""
    if isinstance(name, str):
        return name
    return yaml_key(name) if name is None or isinstance(name, bool | int | float) else None


def _written(document: Json, options: JsonObject) -> str:
    """Return ruamel.yaml's text; of the options ``indent``, ``indentSeq`` and ``lineWidth`` have a meaning here."""
    stream = io.StringIO()
    _yaml(options).dump(document, stream)
    return stream.getvalue().removesuffix("...\n")


def _yaml(options: JsonObject) -> "YAML":
    from ruamel.yaml import YAML

    step = max(1, int(options.get("indent") or 2))
    offset = 0 if options.get("indentSeq") is False else step
    made = YAML(typ="rt", pure=True)
    made.preserve_quotes = True
    made.width = int(options.get("lineWidth", 80)) or _NO_FOLDING
    made.indent(mapping=step, sequence=offset + 2, offset=offset)
    made.representer.add_representer(type(None), _null)
    return made


def _null(representer: "object", _: None) -> "object":
    """Write ``null``, which ruamel.yaml would leave out."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")  # type: ignore[attr-defined]  # ruamel's representer, which has no public protocol
