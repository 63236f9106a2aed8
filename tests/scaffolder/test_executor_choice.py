"""``scaffolder.executor`` says where actions run: by action, by template, by what the catalog recorded of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import NotAllowedError, ServiceUnavailableError, SettingsError
from backstage_py.model.json import JsonObject
from backstage_py.plugin import Action, ActionContext, action, load_plugins
from backstage_py.scaffolder.executors.choice import Executors, RunFacts
from backstage_py.settings import load_settings
from backstage_py.settings.sections import ExecutorMatch, ExecutorRule, ExecutorSettings, ScaffolderSettings
from tests.scaffolder.harness import Catalog, body, template, world

ACTIONS = Path(__file__).with_name("process_actions")
ANY: JsonObject = {"type": "object"}


@action("acme:theirs", ANY)
async def theirs(_ctx: ActionContext[JsonObject]) -> None: ...


ours = replace(theirs, id="debug:ours", is_trusted_on_loop=True)
TEMPLATE = {
    **template(name="service"),
    "metadata": {"name": "service", "tags": ["Untrusted"]},
    "relations": [{"type": "ownedBy", "targetRef": "group:default/team"}, {"type": "partOf", "targetRef": "x:y/z"}],
}


@dataclass
class Made:
    """An executor of a run, by the name of its kind."""

    name: str
    each_step: bool
    closed: bool = False

    def start(self, action: Action, context: ActionContext[Any]) -> Any:
        raise AssertionError

    async def close(self) -> None:
        self.closed = True


@dataclass
class Named:
    """A kind of executors."""

    name: str

    def of_run(self, _facts: RunFacts, /, *, each_step: bool) -> Made:
        return Made(self.name, each_step)


class Away(Catalog):
    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[dict[str, Any] | None]:
        raise ServiceUnavailableError("The catalog does not answer")


def executors(*rules: ExecutorRule, default: str = "process", catalog: Catalog | None = None) -> Executors:
    known = catalog or Catalog()
    if not isinstance(known, Away):
        known.add(TEMPLATE)
    elsewhere = {name: Named(name) for name in ("process", "kubernetes")}
    return Executors(ExecutorSettings(default=default, rules=rules), elsewhere, lambda one: True, known)


def rule(use: str, scope: str = "task", **match: str) -> ExecutorRule:
    return ExecutorRule(use, ExecutorMatch(**match), scope)


async def place(of: Executors, wanted: Action, template_ref: str | None = "template:default/service") -> str:
    found = await of.of_run(RunFacts("t", template_ref, claim=1)).of(wanted)
    return f"{found.name}{' by step' if found.each_step else ''}" if isinstance(found, Made) else type(found).__name__


RULES = [
    ((), theirs, "process"),
    ((), ours, "InlineExecutor"),
    ((rule("kubernetes", action="acme:*"),), theirs, "kubernetes"),
    ((rule("kubernetes", action="other:*"),), theirs, "process"),
    ((rule("kubernetes", "step", action="acme:*"),), theirs, "kubernetes by step"),
    ((rule("inline", action="acme:theirs"),), theirs, "ThreadExecutor"),
    ((rule("kubernetes", template="template:default/*"),), theirs, "kubernetes"),
    ((rule("kubernetes", template="TEMPLATE:default/Service"),), theirs, "kubernetes"),
    ((rule("kubernetes", template="template:default/*"),), ours, "InlineExecutor"),
    ((rule("kubernetes", action="debug:*", template="template:default/*"),), ours, "kubernetes"),
    ((rule("kubernetes", template="template:other/*"),), theirs, "process"),
    ((rule("kubernetes", owner="group:default/team"),), theirs, "kubernetes"),
    ((rule("kubernetes", owner="group:default/*"),), theirs, "kubernetes"),
    ((rule("kubernetes", owner="x:y/z"),), theirs, "process"),
    ((rule("kubernetes", tag="untrusted"),), theirs, "kubernetes"),
    ((rule("kubernetes", tag="untrusted", owner="group:default/others"),), theirs, "process"),
    ((rule("inline", action="acme:*"), rule("kubernetes", tag="untrusted")), theirs, "ThreadExecutor"),
    ((rule("kubernetes"),), theirs, "kubernetes"),
]


@pytest.mark.parametrize(("rules", "wanted", "where"), RULES)
async def test_the_first_rule_that_fits_decides(rules: tuple[ExecutorRule, ...], wanted: Action, where: str) -> None:
    assert await place(executors(*rules), wanted) == where


async def test_what_belongs_into_pods_runs_nowhere_else_without_a_task() -> None:
    found = executors(rule("kubernetes")).of_run(RunFacts("dry-run-1"))
    assert await found.needs_a_task(theirs)
    assert not await found.needs_a_task(ours)
    with pytest.raises(NotAllowedError, match="run it as a step of a task"):
        await found.of(theirs)
    assert not await executors(rule("kubernetes")).of_run(RunFacts("task", claim=1)).needs_a_task(theirs)


async def test_a_template_that_the_catalog_does_not_have_has_neither_owner_nor_tags() -> None:
    found = executors(rule("kubernetes", owner="*"), rule("kubernetes", tag="*"))
    assert await place(found, theirs, "template:default/dry-run") == "process"
    assert await place(found, theirs, None) == "process"


async def test_without_the_catalogs_answer_nothing_runs_that_needs_it() -> None:
    found = executors(rule("kubernetes", owner="*"), catalog=Away())
    with pytest.raises(ServiceUnavailableError):
        await place(found, theirs)
    assert await place(found, ours) == "InlineExecutor"


async def test_what_only_this_process_has_runs_here() -> None:
    found = replace(executors(rule("kubernetes", action="*")), can_leave=lambda one: one is not theirs)
    assert await place(found, theirs) == "ThreadExecutor"


async def test_a_run_has_one_executor_of_a_kind_and_closes_it() -> None:
    run = executors().of_run(RunFacts("t"))
    first = await run.of(theirs)
    assert await run.of(replace(theirs, id="acme:another")) is first
    await run.close()
    assert isinstance(first, Made)
    assert first.closed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("default: pod", "scaffolder.executor.default"),
        ("rules: [{use: inlin}]", "scaffolder.executor.rules[0].use"),
        ("rules: [{match: {tag: x}}]", "use"),
        ("rules: [{use: process, scope: run}]", "scaffolder.executor.rules[0].scope"),
        ("process: {memoryBytes: 12}", "scaffolder.executor.process.memoryBytes"),
        ("process: {environment: {A: B}}", "scaffolder.executor.process.environment"),
    ],
)
def test_a_wrong_value_is_refused_by_key_and_file(tmp_path: Path, text: str, words: str) -> None:
    config = tmp_path / "app-config.yaml"
    config.write_text(f"scaffolder:\n  executor:\n    {text}\n")
    with pytest.raises(SettingsError) as refused:
        load_settings([config], {})
    assert words in refused.value.message
    assert "app-config.yaml" in refused.value.message


async def test_actions_of_others_can_stay_in_the_service_and_have_a_process_for_each_step(tmp_path: Path) -> None:
    settings = ScaffolderSettings(
        actions_folder=ACTIONS,
        executor=ExecutorSettings(rules=(rule("inline", action="test:good-plain"), rule("process", "step"))),
    )
    ids = ("good-plain", "good", "good")
    entity = template(
        *({"id": f"s{n}", "action": f"test:{id_}", "input": {}} for n, id_ in enumerate(ids)),
        output={f"s{n}": f"${{{{ steps.s{n}.output.pid }}}}" for n in range(len(ids))},
    )
    async with world(tmp_path, settings=settings, registry=load_plugins(ACTIONS).actions) as site:
        found = body((await site.run(entity))[-1])["output"]
    assert found["s0"] == os.getpid()
    assert len({*found.values()}) == 3
