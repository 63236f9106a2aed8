"""Every rule finds something in its bad example and nothing in its good one; the docs are made of the same examples."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from backstage_py.cli.cases import beside
from backstage_py.cli.commands import validate
from backstage_py.cli.commands.validate import ValidateOptions
from backstage_py.lint import samples
from backstage_py.lint.check import check_file
from backstage_py.lint.rule import Rule
from backstage_py.lint.rules import RULES
from backstage_py.model.problem import Problem

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference" / "rules"
DOCS = Path(samples.__file__).with_name("RULES.md")


def check(files: Mapping[str, str], folder: Path) -> list[Problem]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    first = next(iter(files))
    if any(beside.is_ours(Path(name)) for name in files):
        return validate.find([folder], ValidateOptions())
    return list(check_file(folder / first, first, samples.OPTIONS).problems)


@pytest.mark.thorough(sample=123)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_bad_example_is_found_by_its_rule_alone(rule: Rule, tmp_path: Path) -> None:
    problems = check(samples.files_of(rule.bad), tmp_path)

    assert {problem.code for problem in problems} == {rule.code}, problems


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_good_example_is_clean(rule: Rule, tmp_path: Path) -> None:
    assert check(samples.files_of(rule.good), tmp_path) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_is_explained(rule: Rule) -> None:
    assert rule.summary.endswith(".")
    assert rule.why.endswith((".", ".)"))
    assert rule.code.startswith("BPY")


def test_pages_are_current() -> None:
    found = {page.name: page.read_text(encoding="utf-8") for page in PAGES.glob("*.md")}

    assert found == samples.pages(), "write them anew: python -m backstage_py.lint.samples --pages"


def test_pages_are_where_the_project_says_that_its_documentation_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {rule.page for rule in RULES} == {
        f"{project['urls']['Documentation']}/{page.relative_to(ROOT / 'docs')}" for page in PAGES.glob("BPY*.md")
    }


def test_documentation_is_current() -> None:
    assert DOCS.read_text(encoding="utf-8") == samples.markdown(), (
        "write it anew: python -m backstage_py.lint.samples > backstage_py/lint/RULES.md"
    )
