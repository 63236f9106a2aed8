"""``SECURITY.md`` is true: keys are known, constants and tests exist, advisories are named where they are tried."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstage_py.settings import schema, unread

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ADVISORY = re.compile(r"CVE-\d{4}-\d+|GHSA(?:-\w{4}){3}")


def rows(chapter: str) -> list[list[str]]:
    """The cells of a chapter's table, without its head."""
    part = TEXT.partition(f"### {chapter}\n")[2].partition("\n#")[0].partition("\nThese do not apply")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


BOUNDS, ADVISORIES = rows("Bounds"), rows("Backstage's advisories")


def known_keys() -> Iterator[str]:
    def walk(node: dict[str, object], path: str) -> Iterator[str]:
        properties = node.get("properties")
        for name, one in (properties if isinstance(properties, dict) else {}).items():
            yield f"{path}{name}"
            yield from walk(one, f"{path}{name}.")

    return walk(schema.app_config(), "")


def doc_of(test: str) -> str:
    """The docstring of a test; KeyError if there is no such test."""
    file, _, name = test.strip("`").partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    return ast.get_docstring(functions[name]) or ""


@pytest.mark.parametrize("row", BOUNDS, ids=lambda row: row[0])
def test_a_bound_has_a_key_or_constant_and_a_test(row: list[str]) -> None:
    _, default, key, test = row
    name = key.strip("`")
    assert default
    doc_of(test)
    if name.startswith("backstage_py."):
        module, _, constant = name.rpartition(".")
        assert hasattr(importlib.import_module(module), constant)
    else:
        assert name in set(known_keys())


def test_every_bound_of_the_scaffolder_stands_in_the_table() -> None:
    listed = {row[2].strip("`") for row in BOUNDS}
    bounds = re.compile(
        r"scaffolder\.(limits\.|children\.|\w*Limit|\w*LimitBytes|freeDisk)|backend\.server\.(max|headers|request)"
    )
    read = set(known_keys()) - {key.path for key in unread.UNREAD if key.without_effect}
    assert {key for key in read if bounds.match(key)} - listed == set()


@pytest.mark.parametrize("row", ADVISORIES, ids=lambda row: row[0])
def test_an_advisory_is_named_by_the_test_that_tries_it(row: list[str]) -> None:
    names = ADVISORY.findall(row[0])
    assert names
    assert set(names) <= set(ADVISORY.findall(doc_of(row[2])))


def test_every_advisory_that_a_test_names_is_listed() -> None:
    named = {name for path in (ROOT / "tests").rglob("test_*.py") for name in ADVISORY.findall(path.read_text("utf-8"))}
    assert named <= set(ADVISORY.findall(TEXT))
