"""CONTRIBUTING draws the layers that import-linter holds, and says of each room what it is."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_drawing_is_the_rule_and_each_room_has_its_sentence() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"] == "Imports go one way")
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition("## How the house is laid out")[2].partition("\n## ")[0]
    drawn = section.split("```")[1].strip().splitlines()
    assert drawn == [layer.replace("backstage_py.", "") for layer in layers]
    rooms = [room for line in drawn for room in line.split(" | ")]
    assert re.findall(r"^\| `(\w+)` \| \S", section, re.MULTILINE) == rooms


def test_every_package_has_its_place_in_the_layers() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("```\ncli")[2].partition("```")[0]
    package = ROOT / "backstage_py"
    rooms = {path.stem for path in package.glob("[a-z]*") if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert rooms - set(re.findall(r"\w+", f"cli{section}")) == set()
