"""Answers to the form of a golden path: together they have each pair of choices once at least."""

import itertools
from typing import Any, Final

import yaml

from tests.golden_paths import produced

Answers = dict[str, Any]

_TEXTS: Final = {
    "name": ("abc", "the-service-with-a-long-name-9"),
    "system": ("checkout", None),
    "defaultBranch": ("trunk", None),
}
"""What is typed into fields that give no choices: the shortest and the longest name, and what may be left out."""


def of(language: str) -> list[Answers]:
    """Return answers for a language's form."""
    template = produced.skeleton(language).parent / "template.yaml"
    pages = yaml.safe_load(template.read_text(encoding="utf-8"))["spec"]["parameters"]
    fields = {name: field for page in pages for name, field in page["properties"].items()}
    rows = _pairwise({name: _choices(name, field) for name, field in fields.items()})
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _choices(name: str, field: dict[str, Any]) -> tuple[Any, ...]:
    if "enum" in field:
        return tuple(field["enum"])
    return (True, False) if field["type"] == "boolean" else _TEXTS[name]


def _pairwise(choices: dict[str, tuple[Any, ...]]) -> list[Answers]:
    """Take what brings most new pairs, until there are none."""
    possible = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    missing = {pair for row in possible for pair in _pairs(row)}
    taken = []
    while missing:
        best = max(possible, key=lambda row: len(_pairs(row) & missing))
        missing -= _pairs(best)
        taken.append(best)
    return taken


def _pairs(row: Answers) -> set[tuple[tuple[str, Any], ...]]:
    return set(itertools.combinations(row.items(), 2))
