"""The answer to every key of a configuration: read, read otherwise, ignored, another's, unknown, wrong; and why."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backstage_py.errors import SettingsError
from backstage_py.model.json import Json
from backstage_py.settings import catalog_notes, known, spelling
from backstage_py.settings.config_path import ConfigPath, dotted
from backstage_py.settings.files import Layer
from backstage_py.settings.kinds import Kind
from backstage_py.settings.known import Node
from backstage_py.settings.merged import Merged


class Answer(StrEnum):
    """What becomes of a key."""

    READ = "read"
    DIFFERS = "differs"
    IGNORED = "ignored"
    NOT_OURS = "not ours"
    UNKNOWN = "unknown"
    UNSET = "unset"
    OVERRIDDEN = "overridden"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one key, or to a section of which nothing is read.

    Attributes:
        key: dotted.
        reason: why it is not read; what is expected where it is wrong.
        file: that has it; ``the environment`` has no lines.
        keys: how many values it stands for.
    """

    key: str
    answer: Answer
    reason: str | None
    file: str
    line: int | None
    keys: int = 1

    @property
    def place(self) -> str:
        """File and line for messages."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        """Return a line for people."""
        more = f" ({self.keys} values)" if self.keys > 1 else ""
        return f"{self.place}: {self.answer}: {self.key}{more}" + (f": {self.reason}" if self.reason else "")


def examine(merged: Merged) -> tuple[Finding, ...]:
    """Return the answer to each key of each layer, in their order."""
    notes = dict(catalog_notes.reasons(merged))
    return tuple(one for layer in merged.layers for one in _of_layer(layer, merged, notes))


def wrong(error: SettingsError) -> Finding:
    """Return what the reading of a configuration ended with as a finding."""
    file, _, line = (error.file or "").rpartition(":")
    if not line.isdecimal():
        return Finding(error.key, Answer.WRONG, error.expected, error.file or "(no file)", None)
    return Finding(error.key, Answer.WRONG, error.expected, file, int(line))


def misspelled(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a sentence for each key that is taken for a misspelling, for the log."""
    for one in findings:
        if one.answer is Answer.WRONG and one.reason and one.reason.startswith(_NOT_KNOWN):
            yield f"Configuration key '{one.key}' in {one.place} is {one.reason}"


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """Return how many values have each answer."""
    found = Counter[str]()
    for one in findings:
        found[one.answer.value] += one.keys
    return {answer.value: found[answer.value] for answer in Answer if found[answer.value]}


def summary(findings: Sequence[Finding]) -> dict[str, object]:
    """Return the same for one line of the log: how many values have each answer, and the keys that are not read."""
    names: dict[str, list[str]] = {}
    for one in findings:
        if one.answer not in (Answer.READ, Answer.OVERRIDDEN):
            names.setdefault(one.answer.replace(" ", "_"), []).append(one.key)
    for keys in names.values():
        if more := len(keys) - _MOST_NAMES:
            keys[_MOST_NAMES:] = [f"and {more} more"] if more > 0 else []
    return {"keys": counts(findings), **names}


_MOST_NAMES = 40
_NOT_KNOWN = "not known; "
_NOBODY = "no part of this service knows it; another plugin of Backstage, or an action of your own, may"


@dataclass(frozen=True, slots=True)
class _Walk:
    layer: Layer
    merged: Merged
    notes: dict[ConfigPath, str]

    def each(self, data: Json, node: Node, path: ConfigPath) -> Iterator[Finding]:
        """Yield the findings for a value and what is in it."""
        if reason := self.notes.get(path):
            yield self.finding(path, Answer.IGNORED, reason, data)
        elif node.is_unread and not node.names and node.key:
            yield self.unread(node, data, path)
        elif isinstance(data, dict) and data and not node.is_opaque:
            for name, value in data.items():
                yield from self.named(value, node, (*path, name))
        elif isinstance(data, list) and data and node.items:
            for index, value in enumerate(data):
                yield from self.each(value, node.items, (*path, index))
        else:
            yield self.value(data, node, path)

    def named(self, value: Json, section: Node, path: ConfigPath) -> Iterator[Finding]:
        """Yield the findings for what stands in a section under a name."""
        name = str(path[-1])
        if below := section.below(name):
            yield from self.each(value, below, path)
        elif reason := self.notes.get(path):
            yield self.finding(path, Answer.IGNORED, reason, value)
        elif near := spelling.nearest(name, section.names, 0.0 if section.is_closed else spelling.LIKE):
            yield self.finding(path, Answer.WRONG, f"{_NOT_KNOWN}did you mean '{near}'?", value)
        else:
            yield self.finding(path, Answer.UNKNOWN, _NOBODY, value)

    def unread(self, node: Node, data: Json, path: ConfigPath) -> Finding:
        """Return the finding for what nothing reads."""
        key = node.key
        if key is not None and key.owner:
            return self.finding(path, Answer.NOT_OURS, f"{key.owner} reads it", data)
        return self.finding(path, Answer.IGNORED, key.without_effect if key else None, data)

    def value(self, data: Json, node: Node, path: ConfigPath) -> Finding:
        """Return the finding for a value that is read."""
        key = node.key
        if key is not None and data is not None and isinstance(key.kind, Kind):
            try:
                key.kind.parse(data)
            except ValueError as error:
                return self.finding(path, Answer.WRONG, str(error), data)
        if key is not None and key.differs:
            return self.finding(path, Answer.DIFFERS, key.differs, data)
        return self.finding(path, Answer.READ, None, data)

    def finding(self, path: ConfigPath, answer: Answer, reason: str | None, data: Json) -> Finding:
        """Return a finding; what a later layer says otherwise is overridden, whatever it is."""
        depth, origin = self.merged.origin(path)
        if origin is not self.layer and answer not in (Answer.UNKNOWN, Answer.NOT_OURS, Answer.IGNORED):
            answer, reason = Answer.OVERRIDDEN, f"{origin.where(path[:depth])} says otherwise" if origin else None
        return Finding(dotted(path), answer, reason, self.layer.name, self.layer.line(path), _values(data))


def _of_layer(layer: Layer, merged: Merged, notes: dict[ConfigPath, str]) -> Iterator[Finding]:
    if layer.data:
        yield from _Walk(layer, merged, notes).each(layer.data, known.tree(), ())
    for path, variable in layer.unset:
        reason = f"the environment variable '{variable}' is not set, so the value is left out"
        yield Finding(dotted(path), Answer.UNSET, reason, layer.name, layer.line(path))


def _values(data: Json) -> int:
    inner = list(data.values()) if isinstance(data, dict) else data if isinstance(data, list) else []
    return sum(map(_values, inner)) if inner else 1
