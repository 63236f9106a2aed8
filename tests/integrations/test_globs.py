import json
from pathlib import Path

import pytest

from backstage_py.errors import InputError
from backstage_py.model import globs

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/globs/globby-11.json").read_text(encoding="utf-8"))


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
