r"""JSONPath as ``kubectl`` takes it, as far as people wait for something: fields, indices, ``*`` and filters.

``{.status.phase}``, ``.status.conditions[?(@.type=="Ready")].status``, ``{.metadata.annotations.example\.com/x}``.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from backstage_py.errors import InputError
from backstage_py.model.json import Json

_FIELD = re.compile(r"\.((?:[^.\[\]\\{}\s]|\\.)+)")
_QUOTED = re.compile(r"\[(['\"])(.+?)\1\]")
_INDEX = re.compile(r"\[(-?\d+|\*)\]")
_FILTER = re.compile(
    r"\[\?\(@((?:\.(?:[^.\[\]\\{}=!\s()]|\\.)+)+)\s*(==|!=)\s*"  # [?(@.type==
    r"(?:'([^']*)'|\"([^\"]*)\"|([^)'\"]+))\)\]"  # "Ready")]
)
_MOST_STEPS = 50
_Step = Callable[[Json], Iterator[Json]]


@dataclass(frozen=True)
class Path:
    """A path that was read."""

    text: str
    steps: tuple[_Step, ...]

    def values(self, value: Json) -> list[Json]:
        """Return what it finds, in order; nothing where there is nothing."""
        found = [value]
        for step in self.steps:
            found = [inner for one in found for inner in step(one)]
        return found


def parse(text: str) -> Path:
    """Read a path, in braces or not.

    Raises:
        InputError: it is none that is understood.
    """
    rest = text.strip().removeprefix("{").removesuffix("}").removeprefix("$").strip()
    rest = rest if rest.startswith((".", "[")) else f".{rest}"
    steps: list[_Step] = []
    while rest:
        step, size = _first(rest)
        if step is None or len(steps) >= _MOST_STEPS:
            raise InputError(
                f"The JSONPath '{text}' is not understood at '{rest[:20]}'; write it as in {{.status.phase}}"
            )
        steps.append(step)
        rest = rest[size:]
    return Path(text, tuple(steps))


def _first(text: str) -> tuple[_Step | None, int]:
    if text.startswith(".["):
        step, size = _first(text[1:])
        return step, size + 1
    if found := _FIELD.match(text):
        name = re.sub(r"\\(.)", r"\1", found[1])
        return (_all if name == "*" else partial(_field, name)), found.end()
    if found := _QUOTED.match(text):
        return partial(_field, found[2]), found.end()
    if found := _INDEX.match(text):
        return (_all if found[1] == "*" else partial(_item, int(found[1]))), found.end()
    if found := _FILTER.match(text):
        wanted = next(one for one in found.groups()[2:] if one is not None).strip()
        return partial(_filtered, parse(found[1]), found[2] == "==", wanted), found.end()
    return None, 0


def _field(name: str, value: Json) -> Iterator[Json]:
    if isinstance(value, dict) and name in value:
        yield value[name]


def _item(index: int, value: Json) -> Iterator[Json]:
    if isinstance(value, list) and -len(value) <= index < len(value):
        yield value[index]


def _all(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _filtered(path: Path, is_equal: bool, wanted: str, value: Json) -> Iterator[Json]:  # noqa: FBT001  # of the operator
    for one in _all(value):
        if (wanted in map(as_text, path.values(one))) is is_equal:
            yield one


def as_text(value: Json) -> str:
    """Return a value as a condition compares it: texts as they are, numbers and switches as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
