"""What the packages of a release say has changed since the release before."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"^## (\d+\.\d+\.\d+)$", re.MULTILINE)
_ENTRY = re.compile(r"^- ([0-9a-f]{7,}): ", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """A change of Backstage: its commit, and the packages that name it."""

    commit: str
    packages: tuple[str, ...]


def between(packages: Path, before: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    """Return the changes of some packages after one version of each, up to another."""
    found: dict[str, list[str]] = {}
    for name, version in now.items():
        path = packages / name / "CHANGELOG.md"
        if name not in before or before[name] == version or not path.is_file():
            continue
        for commit in _commits(path.read_text(encoding="utf-8"), before[name], version):
            named = found.setdefault(commit, [])
            if name not in named:
                named.append(name)
    return [Change(commit, tuple(names)) for commit, names in found.items()]


def _commits(text: str, before: str, now: str) -> Iterator[str]:
    headings = list(_VERSION.finditer(text))
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        if _number(before) < _number(heading[1]) <= _number(now):
            section = text[heading.end() : following.start() if following else None].split("\n## ", maxsplit=1)[0]
            yield from _ENTRY.findall(section)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
