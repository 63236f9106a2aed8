"""The page of a release: what changed, and what this service lacks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.reference.changelog import Change
from tests.reference.kit import Replay
from tests.reference.suites import Outcome

_UNREAD = "**to be read**"


@dataclass(frozen=True)
class Findings:
    """All that a page is made of.

    Attributes:
        before: versions of the packages in the release before, named ``previous``.
        reviewed: what came of the changes that were read, by commit.
    """

    release: str
    previous: str
    now: Mapping[str, str]
    before: Mapping[str, str]
    theirs: Replay
    ours: Replay
    suites: Mapping[str, Outcome]
    changes: Sequence[Change]
    reviewed: Mapping[str, str]


def reviewed(path: Path) -> Mapping[str, str]:
    """Return what was written about changes; nothing when the release is new."""
    found: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def lacks(found: Findings) -> list[str]:
    """Return what this service does not have or answers otherwise, a sentence each."""
    theirs, ours = found.theirs, found.ours
    answers = [
        f"`{name}` answers otherwise at `{at}`"
        for name, at in dict.fromkeys([*theirs.differences, *ours.differences])
        if theirs.differences.get((name, at)) != ours.differences.get((name, at))
    ]
    changes = [f"`{name}` answers otherwise" for name, one in theirs.changes.items() if ours.changes.get(name) != one]
    actions = [f"the action `{name}`" for name in sorted(theirs.actions - ours.actions)]
    failed = [f"{suite}: `{name}` fails" for suite, one in found.suites.items() for name in one.failed]
    skipped = [f"{suite}: `{name}` was not run" for suite, one in found.suites.items() for name in one.skipped]
    unread = [f"`{one.commit}` has to be read" for one in found.changes if one.commit not in found.reviewed]
    return [*answers, *changes, *actions, *failed, *skipped, *unread]


def write(found: Findings) -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Findings) -> Iterator[str]:
    yield f"# Backstage {found.release}"
    yield ""
    yield f"Compared with {found.previous} and with this service by `./dev reference --release {found.release}`."
    yield ""
    yield "## What this service lacks"
    yield ""
    yield from [f"- {line}" for line in lacks(found)] or ["Nothing that was looked at."]
    yield ""
    yield "## Answers"
    yield ""
    total = found.theirs.total
    yield "| calls | Backstage | this service |"
    yield "| --- | --- | --- |"
    yield f"| recorded, answered as recorded | {_same(found.theirs)} of {total} | {_same(found.ours)} of {total} |"
    agreed = sum(found.ours.changes.get(name) == one for name, one in found.theirs.changes.items())
    count = len(found.theirs.changes)
    yield f"| about what changed, answered alike | {count} of {count} | {agreed} of {count} |"
    if found.theirs.differing:
        yield ""
        yield f"Backstage itself answers otherwise than recorded: {_code(found.theirs.differing)}."
    yield ""
    yield "## Suites that compare"
    yield ""
    yield "| what | passed | failed | not run |"
    yield "| --- | --- | --- | --- |"
    for name, one in found.suites.items():
        yield f"| {name} | {one.passed} | {len(one.failed)} | {len(one.skipped)} |"
    yield ""
    yield f"## What changed since {found.previous}"
    yield ""
    yield "Commits of Backstage that the changelogs of its packages name, and what came of each here."
    yield ""
    yield "| commit | packages | here |"
    yield "| --- | --- | --- |"
    for change in found.changes:
        names = ", ".join(_short(name) for name in change.packages)
        yield f"| `{change.commit}` | {names} | {found.reviewed.get(change.commit, _UNREAD)} |"
    yield ""
    yield "## Packages"
    yield ""
    yield f"| package | {found.previous} | {found.release} |"
    yield "| --- | --- | --- |"
    for name, version in found.now.items():
        yield f"| {_short(name)} | {found.before.get(name, '')} | {version} |"


def _same(replay: Replay) -> int:
    return replay.total - len(replay.differing)


def _short(name: str) -> str:
    return name.removeprefix("@backstage/").removeprefix("plugin-")


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
