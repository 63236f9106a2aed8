"""The public names: each stands on one page and says what it is, and what authors are shown uses no others."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = (
    "backstage_py.plugin",
    "backstage_py.plugin.formats",
    "backstage_py.plugin.catalog",
    "backstage_py.testing",
    "backstage_py.testing.catalog",
)
SHOWN = sorted(
    path
    for pattern in ("examples/**/*.py", "examples/**/*.md", "skeletons/**/*.njk", "actions/README.md", "docs/*.md")
    for path in ROOT.glob(pattern)
)
IMPORT = re.compile(r"^\s*from (backstage_py[\w.]*) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)


def public(door: str) -> set[str]:
    return set(importlib.import_module(door).__all__)


def on_the_page(door: str) -> set[str]:
    page = (ROOT / "docs/sdk.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## `{door}`\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \| \S", section, re.MULTILINE))


@pytest.mark.parametrize("door", DOORS)
def test_the_page_has_each_public_name_and_no_other(door: str) -> None:
    assert on_the_page(door) == public(door)


@pytest.mark.parametrize("door", DOORS)
def test_each_public_class_and_function_says_what_it_is_and_so_do_its_members(door: str) -> None:
    module = importlib.import_module(door)
    silent = [name for name in public(door) for name in undocumented(name, getattr(module, name))]
    assert silent == []


def undocumented(name: str, found: object) -> list[str]:
    """Return what has no docstring: the name, or public methods and properties that a class of ours defines."""
    if not inspect.isclass(found) and not inspect.isroutine(found):
        return []
    if not found.__module__.startswith("backstage_py"):
        return []  # the alias of a class that is not ours
    members = vars(found) if inspect.isclass(found) else {}
    own = {key: value for key, value in members.items() if not key.startswith("_")}
    said = {key: value for key, value in own.items() if inspect.isroutine(value) or isinstance(value, property)}
    silent = [f"{name}.{key}" for key, value in said.items() if not inspect.getdoc(value)]
    is_generated = inspect.isclass(found) and (found.__doc__ or "").startswith(f"{found.__name__}(")
    return silent if found.__doc__ and not is_generated else [name, *silent]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_authors_are_shown_imports_public_names_only(path: Path) -> None:
    for module, several, one in IMPORT.findall(path.read_text(encoding="utf-8")):
        assert module in DOORS, module
        names = {name.split(" as ")[0].split("#")[0].strip() for name in (several or one).split(",")} - {""}
        assert names <= public(module)
