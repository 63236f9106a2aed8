import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import InputError
from backstage_py.model import globs

FOLDER = Path(__file__).parents[1] / "golden/globs"
GOLDEN = json.loads((FOLDER / "globby-11.json").read_text(encoding="utf-8"))
MINIMATCH = json.loads((FOLDER / "minimatch-11.json").read_text(encoding="utf-8"))


def entries() -> list[globs.Entry]:
    folders = {str(parent) for name in GOLDEN["files"] for parent in Path(name).parents} - {"."}
    return [globs.Entry(name, False) for name in GOLDEN["files"]] + [globs.Entry(name, True) for name in folders]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: " ".join(case["patterns"]))
def test_patterns_select_what_globby_selects(case: dict[str, list[str]]) -> None:
    known = entries()
    folders = {entry.path for entry in known if entry.is_folder}
    found = globs.select(case["patterns"], known)
    assert sorted(f"{path}/" if path in folders else path for path in found) == sorted(case["selected"])


def test_a_dot_at_the_start_means_nothing() -> None:
    assert globs.select(["./src/*.js"], entries()) == {"src/a.js"}


def test_a_hostile_pattern_is_matched_in_linear_time() -> None:
    name = "a" * 250
    assert globs.select(["*a" * 100 + "b", "+(a|aa)" * 30 + "c"], [globs.Entry(name, False)]) == set()


@pytest.mark.parametrize("pattern", ["{1..100000}", "{a,b}" * 12, "x" * 1001])
def test_a_pattern_that_stands_for_too_many_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match=r"1[,0]*000"):
        globs.select([pattern], entries())


@pytest.mark.parametrize("case", MINIMATCH["cases"], ids=lambda case: case["pattern"])
def test_patterns_match_what_minimatch_matches(case: dict[str, Any]) -> None:
    found = [target for target in MINIMATCH["targets"] if globs.matches(case["pattern"], target, ignore_case=True)]
    assert found == case["matches"]


def test_many_stars_for_folders_cost_no_more_than_one() -> None:
    assert not globs.matches("a/" + "**/" * 200 + "b", "a/" * 80 + "c")


def test_a_set_that_cannot_be_names_nothing() -> None:
    assert globs.select(["[z-a].txt"], [globs.Entry("z.txt", False)]) == set()


@pytest.mark.parametrize(
    ("patterns", "path", "is_meant"),
    [
        (["**/*.yaml"], ".github/workflows/ci.yaml", True),
        (["*.yaml"], "a/b.yaml", False),
        ([".github"], ".github/workflows/ci.yaml", True),
        ([".github/"], ".github/workflows/ci.yaml", True),
        (["./.github/**"], ".github/workflows/ci.yaml", True),
        (["**", "!README.md"], "README.md", False),
        (["{a,b}/*.txt"], "b/c.txt", True),
        (["**/[a-c]?.md"], "x/b1.md", True),
        ([".git"], ".github/x", False),
        (["**/fixtures"], "a/fixtures/deep/template.yaml", True),
        (["a/*"], "a/deep/template.yaml", True),
        (["**", "!kept/*"], "kept/template.yaml", False),
    ],
)
def test_what_is_left_out_takes_what_is_below_it(patterns: list[str], path: str, is_meant: bool) -> None:  # a parameter
    assert globs.covers(patterns, path) is is_meant
