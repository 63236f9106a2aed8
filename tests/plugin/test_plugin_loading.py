"""Plugins as an operator installs them: packages with entry points, and a folder of plain files."""

import asyncio
import sys
from pathlib import Path

import pytest

from backstage_py.errors import ConflictError
from backstage_py.model.json import JsonObject
from backstage_py.plugin import (
    ActionContext,
    ActionRegistry,
    Services,
    action,
    load_plugins,
    template_filter,
    template_function,
)
from backstage_py.plugin.folder import ActionFolder
from tests import patience
from tests.scaffolder.harness import body, template, world

GREET = """
from backstage_py.plugin import action, template_filter, template_function, template_value

@action("folder:greet", {"type": "object"})
def greet(ctx):
    return {"text": "WORD"}

@template_filter("loud")
def loud(text: str) -> str:
    "Shout."
    return text.upper()

@template_function()
def twice(text: str) -> str:
    return text + text

company = template_value("company", {"name": "Acme"}, description="Us")
"""


WORDS = """
from backstage_py.plugin import template_filter, template_value

@template_filter("louder")
def louder(text: str) -> str:
    return text + "{ending}"

place = template_value("place", "{place}")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "actions"
    path.mkdir()
    (path / "greet.py").write_text(GREET.replace("WORD", "hello"))
    return path


def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, group: str) -> None:
    """Put a package with an entry point onto the path, as pip would."""
    (tmp_path / f"{name}.py").write_text(source)
    info = tmp_path / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)


def test_a_folder_brings_actions_filters_and_globals(folder: Path) -> None:
    plugins = load_plugins(folder)
    assert plugins.actions.get("folder:greet").source == f"{folder / 'greet.py'}:4"
    assert plugins.filters["loud"]("a") == "A"
    assert plugins.globals["twice"]("a") == "aa"
    assert plugins.globals["company"] == {"name": "Acme"}
    assert plugins.descriptions == {"company": "Us"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def broken(:\n", "broken.py:1: SyntaxError: "),
        ("\nimport no_such_module_at_all\n", "broken.py:2: ModuleNotFoundError: No module named"),
        ("import sys\nsys.exit(3)\n", "broken.py:2: SystemExit: 3"),
    ],
)
def test_a_broken_file_is_reported_with_its_line_and_the_rest_is_there(folder: Path, source: str, problem: str) -> None:
    (folder / "broken.py").write_text(source)
    plugins = load_plugins(folder)
    assert "folder:greet" in plugins.actions
    assert "fetch:template" in plugins.actions
    assert [problem in str(one) for one in plugins.problems] == [True]


def test_a_broken_package_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, monkeypatch, "broken_plugin", "raise RuntimeError('no licence')", "backstage_py.actions")
    assert "fetch:template" in load_plugins().actions


def families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: str) -> None:
    """Install a package that announces actions of its module ``late_family``, which has ``folder:greet``."""
    package(tmp_path, monkeypatch, "late_plugin", f"FAMILIES = {{'late_family': {announced}}}", "backstage_py.actions")
    (tmp_path / "late_family.py").write_text(GREET)
    monkeypatch.delitem(sys.modules, "late_family", raising=False)


def test_a_family_is_imported_when_one_of_its_actions_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    families(tmp_path, monkeypatch, "['folder:greet']")
    registry = load_plugins().actions

    assert "folder:greet" in registry
    assert "late_family" not in sys.modules
    found = registry.get("folder:greet")
    assert found.source == "late_family:4"
    assert registry.is_loaded(found)
    assert [one.id for one in registry].count("folder:greet") == 1
    assert len(registry) == len(list(registry))


def test_an_action_of_a_family_is_not_defined_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    families(tmp_path, monkeypatch, "['folder:greet']")
    with pytest.raises(ConflictError, match=r"'folder:greet' is defined twice, in late_family:4 and .*greet\.py:4"):
        load_plugins(folder)


def test_a_family_that_has_other_actions_than_it_announces_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    families(tmp_path, monkeypatch, "['folder:greet', 'folder:bye']")
    with pytest.raises(ValueError, match=r"late_family announces other actions than it has: \['folder:bye'\]"):
        load_plugins().actions.get("folder:greet")


def test_two_actions_with_one_id_name_both_places(folder: Path) -> None:
    (folder / "other.py").write_text(GREET)
    with pytest.raises(ConflictError, match=r"'folder:greet' is defined twice, in .*greet\.py:4 and .*other\.py:4"):
        load_plugins(folder)


def test_two_filters_with_one_name_name_both_places(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, monkeypatch, "loud_plugin", GREET, "backstage_py.templating")
    with pytest.raises(ConflictError, match=r"Filter 'loud' is defined twice, in loud_plugin:\d+ and "):
        load_plugins(folder)


def test_files_are_loaded_again_when_they_change(folder: Path) -> None:
    looked = ActionFolder(folder)
    registry = ActionRegistry()
    assert list(looked.reload(registry).changed) == ["greet.py"]
    assert list(looked.reload(registry).changed) == []
    first = registry.get("folder:greet")
    (folder / "greet.py").write_text(GREET.replace("WORD", "hello again"))
    assert list(looked.reload(registry).changed) == ["greet.py"]
    assert registry.get("folder:greet") is not first
    (folder / "greet.py").write_text("def broken(:\n")
    assert [problem.line for problem in looked.reload(registry).problems] == [1]
    assert "folder:greet" in registry
    (folder / "greet.py").unlink()
    assert list(looked.reload(registry).changed) == ["greet.py"]
    assert "folder:greet" not in registry


async def test_filters_and_globals_work_in_templates_and_are_described(tmp_path: Path, folder: Path) -> None:
    plugins = load_plugins(folder)

    @action("test:echo", {"type": "object"})
    def echo(ctx: ActionContext[JsonObject]) -> JsonObject:
        return ctx.input

    services = Services(filters=plugins.filters, globals=plugins.globals, global_descriptions=plugins.descriptions)
    async with world(tmp_path, echo, services=services) as site:
        text = "${{ 'hi' | loud }} ${{ twice('a') }} ${{ company.name }}"
        step = {"id": "e", "action": "test:echo", "input": {"text": text}}
        entity = template(step, output={"a": "${{ steps.e.output.text }}"})
        events = await site.run(entity)
        assert body(events[-1])["output"] == {"a": "HI aa Acme"}
        shown = site.scaffolder.service.templating_extensions()
        assert shown["filters"]["loud"] == {
            "description": "Shout.",
            "schema": {"input": {"type": "string"}, "output": {"type": "string"}},
        }
        assert shown["globals"]["functions"]["twice"]["schema"]["arguments"] == [{"type": "string"}]
        assert shown["globals"]["values"] == {"company": {"description": "Us", "value": {"name": "Acme"}}}


@pytest.mark.parametrize(
    ("id_", "options", "problem"),
    [
        ("two words", {}, "one word like 'acme:greet'"),
        ("", {}, "one word"),
        ("a:b", {"timeout": 0}, "more than 0 seconds"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(id_: str, options: JsonObject, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        action(id_, {"type": "object"}, **options)


def test_names_and_descriptions_come_from_the_function() -> None:
    @template_filter()
    def first(values: list[int], fallback: int = 0) -> int:
        """Return the first one."""
        return values[0] if values else fallback

    @template_function("answer", description="The answer")
    def number() -> int:
        return 42

    assert (first.name, first.description, first([7]), first([], 3)) == ("first", "Return the first one.", 7, 3)
    assert first.as_json()["schema"] == {
        "input": {"type": "array"},
        "arguments": [{"type": "number"}],
        "output": {"type": "number"},
    }
    assert (number.name, number.description, number()) == ("answer", "The answer", 42)


async def test_watching_loads_a_new_file(folder: Path) -> None:
    plugins = load_plugins(folder)
    async with plugins.running():
        (folder / "later.py").write_text(GREET.replace("folder:greet", "folder:later").split("@template_filter")[0])
        async with patience.bounded():
            while "folder:later" not in plugins.actions:  # noqa: ASYNC110  # as below
                await asyncio.sleep(0.05)  # the registry tells nobody
    assert "folder:greet" in plugins.actions


async def test_a_reload_reaches_filters_and_globals_of_a_running_service(folder: Path, tmp_path: Path) -> None:
    plugins = load_plugins(folder)
    services = Services(filters=plugins.filters, globals=plugins.globals, global_descriptions=plugins.descriptions)
    words = folder / "words.py"
    entity = template(output={"said": "${{ 'x' | louder }} ${{ place }}"})
    async with world(tmp_path, services=services) as site:
        for ending, place in [("!", "here"), ("?", "there")]:
            words.write_text(WORDS.format(ending=ending, place=place))
            assert plugins.reload() == ("words.py",)
            events = await site.run(entity)
            assert body(events[-1])["output"] == {"said": f"x{ending} {place}"}
            listed = site.scaffolder.service.templating_extensions()
            assert listed["globals"]["values"]["place"]["value"] == place


def test_a_decorator_without_brackets_says_how_to_write_it() -> None:
    def shout(text: str) -> str:
        return text

    with pytest.raises(TypeError, match=r"'@template_filter\(\)' or '@template_function\(\)' above 'shout'"):
        template_filter(shout)  # type: ignore[arg-type]  # that is the mistake
