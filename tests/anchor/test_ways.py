"""Each way of use as docs/operators/ways.md writes it, with a real Backstage: it works, and ``doctor`` says so."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.anchor.harness import pair, template

PAGE = Path(__file__).parents[2] / "docs/operators/ways.md"
_LOG = template("say", {"id": "say", "action": "debug:log", "input": {"message": "Hello"}})
_CALL = template("say", {"id": "say", "action": "backstage-py:debug:log", "input": {"message": "Hello"}})


def configuration(number: int, backstage: str, ours: str) -> dict[str, Any]:
    """Return the configuration of a way, as the page has it, for these addresses."""
    blocks = re.findall(r'^```yaml title="app-config.yaml"\n(.*?)^```$', PAGE.read_text(), re.MULTILINE | re.DOTALL)
    text = blocks[number - 1].replace("https://backstage.example.com", backstage)
    read: dict[str, Any] = yaml.safe_load(text.replace("https://backstage-py.example.com", ours))
    return read


@pytest.mark.parametrize(
    ("number", "way", "steps"), [(1, "frontend", _LOG), (2, "catalog", _LOG), (3, "scaffolder", _CALL)]
)
def test_a_way_works_as_written_and_doctor_finds_nothing(
    number: int, way: str, steps: dict[str, Any], tmp_path: Path
) -> None:
    with pair(tmp_path, steps, way=lambda backstage, ours: configuration(number, backstage, ours)) as both:
        site = both.backstage if way == "scaffolder" else both.ours
        assert site.run("template:default/say", {})["message"] == "Run completed with status: completed"

        command = [sys.executable, "-m", "backstage_py.cli", "doctor", "--format", "json", "--backstage"]
        asked = [*command, both.backstage.url, "--config", str(tmp_path / "app-config.yaml")]
        env = {**os.environ, "BACKSTAGE_TOKEN": both.backstage.token}
        said = subprocess.run(asked, capture_output=True, text=True, env=env, check=False)

    lines = json.loads(said.stdout)["checks"]
    assert [one for one in lines if one["outcome"] == "problem"] == []
    assert {one["way"] for one in lines} == {"all", way}
    assert {one["check"] for one in lines if one["outcome"] == "skipped"} <= {"frontend", "frontend-catalog"}
    assert said.returncode == 0
