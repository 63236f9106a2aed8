"""What is installed with ``backstage-py[all]``, and under which licences: ``docs/licences.md`` is this list.

python -m tests.packaging.licences > docs/licences.md
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SAID_ELSEWHERE = {
    "cookiecutter": "BSD-3-Clause (says its file LICENSE)",
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later (used under the former)",
}
"""Packages whose metadata name no licence, or several without saying how they go together."""

FOR_OLD_PYTHON = {"backports-tarfile"}
"""Packages that the heading names: most machines do not get them."""

HEAD = """# Licences of what `backstage-py[all]` installs

Made by `python -m tests.packaging.licences`; a test compares it with what is installed. Nothing of it is copied into
this project. LGPL and MPL packages are used as they are published.

Copied, unchanged: `schemas/score-v1b1.json`, the schema of [Score](https://github.com/score-spec/spec) workloads
(commit 1c2427d, 2026-07-20), under the Apache License 2.0 as this project is.

Python before 3.11.4 gets `backports.tarfile` as well, under the MIT licence.

| package | licence |
|---|---|
"""

BUNDLED = """
## In the page of `backstage-py dev`

`backstage_py/http/page/page.js` contains parts of these npm packages; their texts are in `licences.txt` beside it,
which the page links.

| package | licence |
|---|---|
"""
_TEXTS = Path(__file__).resolve().parents[2] / "backstage_py" / "http" / "page" / "licences.txt"
_HEADING = re.compile(r"^-{80}\n(\S+) \S+ \((.+)\)$", re.MULTILINE)


def installed(name: str = "backstage-py", extras: frozenset[str] = frozenset({"all"})) -> Iterator[Distribution]:
    """Yield the packages that one brings, itself left out, each once."""
    seen: set[tuple[str, frozenset[str]]] = set()
    found: dict[str, Distribution] = {}
    todo = [(name, extras)]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        here = distribution(one[0])
        found[canonicalize_name(one[0])] = here
        for text in here.requires or ():
            needed = Requirement(text)
            if canonicalize_name(needed.name) in FOR_OLD_PYTHON:
                continue
            environments = [{"extra": extra} for extra in (*one[1], "")]
            if needed.marker is None or any(needed.marker.evaluate(each) for each in environments):
                todo.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return (found[key] for key in sorted(found) if key != name)


def licence(package: Distribution) -> str:
    """What a package says its licence is, in one line; empty when it says nothing."""
    name = canonicalize_name(package.metadata["Name"])
    if name in SAID_ELSEWHERE:
        return SAID_ELSEWHERE[name]
    said = package.metadata.json
    if expression := said.get("license_expression"):
        return str(expression)
    classified = [
        one.rpartition(" :: ")[2] for one in package.metadata.get_all("Classifier") or () if "License ::" in one
    ]
    named = [one for one in classified if one != "OSI Approved"]
    return "; ".join(named) or str(said.get("license") or "").partition("\n")[0]


def page() -> str:
    """The page as it should be."""
    rows = [f"| {canonicalize_name(one.metadata['Name'])} | {licence(one)} |\n" for one in installed()]
    bundled = [f"| {name} | {said} |\n" for name, said in _HEADING.findall(_TEXTS.read_text(encoding="utf-8"))]
    return HEAD + "".join(rows) + BUNDLED + "".join(bundled)


if __name__ == "__main__":
    sys.stdout.write(page())
