"""``scaffolder.policies``: no action of a task acts outside before the operator's policies have seen what it has."""

from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import NotAllowedError
from backstage_py.plugin import ActionAttributes, ActionContext, Services, action
from tests.scaffolder.harness import GUEST, messages, template, world

Context = ActionContext[dict[str, Any]]
DONE: list[str] = []
RULES = """\
package main
import rego.v1

deny contains {"msg": "no environment files", "file": file.path} if {
  some file in input.files
  endswith(file.path, ".env")
}
deny contains {"msg": sprintf("%s is too large", [one.size]), "rule": "sizes"} if {
  some one in input.inputs_of
  one.size == "large"
}
warn contains sprintf("%s by %s", [input.request.action, input.request.user]) if input.request.parameters.tell
""".replace("input.inputs_of", "input.request.inputs")


@action("test:write", attributes=ActionAttributes(local=True), dry_run=True)
def write(ctx: Context) -> None:
    ctx.workspace.path(ctx.input["path"]).write_text("a: 1")


@action("test:publish")
def publish(ctx: Context) -> None:
    DONE.append(ctx.input.get("size", ""))


@action("test:look", attributes=ActionAttributes(read_only=True))
def look(ctx: Context) -> None:
    DONE.append("look")


def services(**policy: Any) -> Services:
    return Services(config={"scaffolder": {"policies": [{"name": "house", "rego": RULES, **policy}]}})


def said(events: Any) -> str:
    return "\n".join(messages(events))


async def test_a_denial_comes_before_the_effect_and_names_rule_and_file(tmp_path: Path) -> None:
    DONE.clear()
    entity = template(
        {"action": "test:write", "input": {"path": "prod.env"}},
        {"action": "test:look", "input": {}},
        {"action": "test:publish", "input": {}},
    )
    async with world(tmp_path, write, publish, look, services=services()) as w:
        events = await w.run(entity)
    denied = "Denied before test:publish by policy house/deny: prod.env:1: no environment files"
    assert f"NotAllowedError: {denied}" in said(events)
    assert DONE == ["look"]


async def test_what_comes_after_a_harmless_effect_is_judged_again(tmp_path: Path) -> None:
    DONE.clear()
    entity = template(
        {"action": "test:publish", "input": {"size": "small"}},
        {"action": "test:write", "input": {"path": "prod.env"}},
        {"action": "test:publish", "input": {"size": "other"}},
    )
    async with world(tmp_path, write, publish, services=services()) as w:
        events = await w.run(entity)
    assert "no environment files" in said(events)
    assert DONE == ["small"]


async def test_each_round_of_each_is_judged_before_the_first(tmp_path: Path) -> None:
    DONE.clear()
    entity = template({"action": "test:publish", "each": ["small", "large"], "input": {"size": "${{ each.value }}"}})
    async with world(tmp_path, publish, services=services()) as w:
        events = await w.run(entity)
    assert "house/sizes: large is too large" in said(events)
    assert DONE == []


async def test_an_environment_may_only_be_warned(tmp_path: Path) -> None:
    DONE.clear()
    entity = template(
        {"action": "test:publish", "input": {"size": "large"}},
        parameters={"properties": {"stage": {"type": "string"}, "tell": {"type": "boolean"}}},
    )
    asked = services(environmentParameter="stage", environments={"staging": "warn"})
    async with world(tmp_path, publish, services=asked) as w:
        events = await w.run(entity, {"stage": "staging", "tell": True})
        assert "Policy house/sizes: large is too large" in said(events)
        assert "Policy house/warn: test:publish by " in said(events)
        assert DONE == ["large"]
        assert "Denied before" in said(await w.run(entity, {"stage": "prod"}))
    assert DONE == ["large"]


async def test_a_policy_that_cannot_be_asked_denies(tmp_path: Path) -> None:
    DONE.clear()
    entity = template({"action": "test:publish", "input": {}})
    for wrong in ({"rego": "package main\ndeny contains"}, {"package": "other"}, {"rego": None}, {"typo": 1}):
        async with world(tmp_path, publish, services=services(**wrong)) as w:
            answer = said(await w.run(entity))
            assert "InputError" in answer or "SettingsError" in answer
    assert DONE == []


async def test_policies_see_no_secret(tmp_path: Path) -> None:
    rego = 'package main\nimport rego.v1\ndeny contains sprintf("%v", [input.request.inputs])'
    entity = template({"action": "test:publish", "input": {"key": "k-${{ secrets.key }}", "size": "s"}})
    async with world(tmp_path, publish, services=services(rego=rego)) as w:
        events = await w.run(entity, secrets={"key": "very-s3cret"})
    assert '"size": "s"' in said(events) or '"size":"s"' in said(events)
    assert "very-s3cret" not in said(events)


async def test_a_dry_run_tells_what_a_task_would_be_refused_for(tmp_path: Path) -> None:
    entity = template({"action": "test:write", "input": {"path": "prod.env"}}, {"action": "test:publish", "input": {}})
    async with world(tmp_path, write, publish, services=services()) as w:
        wanted = {"template": entity, "values": {}, "secrets": {}, "directoryContents": []}
        with pytest.raises(NotAllowedError, match=r"Denied before test:publish .* no environment files"):
            await w.scaffolder.service.dry_run(wanted, GUEST)
