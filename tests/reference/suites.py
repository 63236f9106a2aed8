"""The tests that compare this service with the packages of a release, by what they compare."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITES: Mapping[str, tuple[str, ...]] = {
    "Template language": ("tests/templating/differential",),
    "YAML": ("tests/model/yaml/test_yaml_differential.py",),
    "JSON Schema": ("tests/model/schemas",),
    "Pages of forms": ("tests/model/pages",),
    "Catalog queries and entities": ("tests/anchor/test_catalog_answers.py",),
    "Permissions": ("tests/anchor/test_permissions_of_backstage.py",),
    "Actions of one in the other": ("tests/anchor/test_distributed_actions.py",),
    "Actions of Roadie's package": ("tests/anchor/test_roadiehq_actions.py",),
}


@dataclass(frozen=True)
class Outcome:
    """How many tests of a suite passed, and the names of the others."""

    passed: int
    failed: tuple[str, ...]
    skipped: tuple[str, ...]


def run(name: str, release: Path, folder: Path) -> Outcome:
    """Run a suite against the packages in the folder ``release``; its output goes to a file in ``folder``."""
    report, log = folder / "report.xml", folder / "output.txt"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *SUITES[name]]
    env = {**os.environ, "BACKSTAGE_PY_ANCHOR": str(release), "BACKSTAGE_PY_ORACLE": str(release)}
    with log.open("wb") as output:
        subprocess.run(command, cwd=ROOT, env=env, stdout=output, stderr=output, check=False)
    assert report.exists(), log.read_text(encoding="utf-8", errors="replace")[-4000:]
    cases = list(ET.parse(report).getroot().iter("testcase"))  # our own report
    failed = tuple(_name(one) for one in cases if one.find("failure") is not None or one.find("error") is not None)
    skipped = tuple(_name(one) for one in cases if one.find("skipped") is not None)
    return Outcome(len(cases) - len(failed) - len(skipped), failed, skipped)


def _name(case: ET.Element) -> str:
    return f"{case.get('classname')}.{case.get('name')}"
