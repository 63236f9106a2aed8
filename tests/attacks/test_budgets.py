"""Nobody gets more work out of the service than a budget gives, and what is heavy leaves the event loop free."""

import asyncio
import importlib.abc
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from backstage_py.errors import InputError
from backstage_py.http import scaffolder_actions
from backstage_py.http.actions_registry import Call
from backstage_py.mcp import tools
from backstage_py.mcp.server import McpEndpoint
from backstage_py.model.json import Json
from backstage_py.model.yaml import load_all
from backstage_py.plugin import ActionContext, Services, action, template_function
from backstage_py.settings.sections import LimitSettings, ScaffolderSettings
from tests import patience
from tests.actions.harness import Task
from tests.http.harness import Answer, call
from tests.http.scaffolder_site import post, site
from tests.scaffolder.harness import World, template, world
from tests.scaffolder.harness import body as event_body

LOOP_100 = "{% for i in range(0, 100) %}{% set x = i %}{% endfor %}"
LOOP_90000 = "{% for i in range(0, 90000) %}{% set x = i %}{% endfor %}"
BACKTRACKS = "${{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa' | replace(r/(?=a)(a|aa)*c/, 'x') }}"
MATCHES = "${{ 'aac' | replace(r/(?=a)(a|aa)*c/, 'x') }}"
SUM = "${{ " + "1 + " * 9_000 + "1 }}"
X_10000 = "{% for i in range(0, 10000) %}x{% endfor %}"
FORM = {"properties": {"name": {"type": "string", "pattern": "^(?=a)(a|aa)*c$"}}}


T = TypeVar("T")


class NoApi:
    """Nothing is behind it: what an agent sends is refused before."""

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        raise AssertionError(path)


@pytest.fixture
def task_folder(tmp_path: Path) -> Task:
    return Task(tmp_path)


@action("test:say", {"type": "object"}, dry_run=True)
def say(ctx: ActionContext[dict[str, Any]]) -> None:
    ctx.logger.info(str(ctx.input.get("text")))


def step(text: Any, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "action": "test:say", "input": {"text": text}, **more}


def request(entity: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"template": entity, "values": {}, "directoryContents": [], **more}


@asynccontextmanager
async def bounded(folder: Path, *, services: Services | None = None, **limits: Any) -> AsyncIterator[World]:
    """A scaffolder with these limits, whose worker runs."""
    settings = ScaffolderSettings(limits=LimitSettings(**limits))
    async with world(folder, say, settings=settings, services=services) as opened:
        yield opened


async def dry_run(opened: World, body: Mapping[str, Any]) -> Answer:
    return await post(site(opened), "/v2/dry-run", body)


async def task(opened: World, entity: dict[str, Any], values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run a task through HTTP's door and return how it ended."""
    ref = opened.catalog.add(entity)
    created = await post(site(opened), "/v2/tasks", {"templateRef": ref, "values": values or {}})
    if created.status != 201:
        return {"status": created.status, **created.json}
    ended: dict[str, Any] = event_body((await opened.events(created.json["id"]))[-1])
    return ended


def message(answer: Answer) -> str:
    return str(answer.json["error"]["message"]) if answer.status != 200 else ""


Reached = tuple[str, dict[str, int], dict[str, Any], dict[str, Any]]
REACHED: list[Reached] = [
    ("evaluationSteps", {"evaluation_steps": 20_000}, template(step(LOOP_100)), template(step(LOOP_90000))),
    ("evaluationSteps", {"evaluation_steps": 20_000}, template(step("${{ 1 + 1 }}")), template(step(SUM))),
    ("regexSteps", {"regex_steps": 9_000}, template(step(MATCHES)), template(step(BACKTRACKS))),
    ("outputBytes", {"output_bytes": 9_000}, template(step("x" * 3_000)), template(step("x" * 9_000))),
    ("outputBytes", {"output_bytes": 9_000}, template(step(LOOP_100 + "x")), template(step(X_10000))),
    ("steps", {"steps": 3}, template(*(step("", n) for n in range(3))), template(*(step("", n) for n in range(4)))),
    ("steps", {"steps": 3}, template(step("", each=[1, 2])), template(step("", each=[1, 2, 3]))),
]
"""A key, limits, and templates that stay below them and pass them."""


@pytest.mark.parametrize(("key", "limits", "below", "above"), REACHED)
async def test_a_dry_run_that_takes_more_is_refused_by_bound_and_key(
    tmp_path: Path, key: str, limits: dict[str, Any], below: dict[str, Any], above: dict[str, Any]
) -> None:
    async with bounded(tmp_path, **limits) as w:
        assert (await dry_run(w, request(below))).status == 200
        refused = await dry_run(w, request(above))
    assert refused.status == 400
    assert f"scaffolder.limits.{key} allows no more" in message(refused)
    assert f"{next(iter(limits.values())):,}" in message(refused)


@pytest.mark.parametrize(("key", "limits", "below", "above"), [one for one in REACHED if "x" * 9_000 not in str(one)])
async def test_a_task_that_takes_more_fails_by_bound_and_key(
    tmp_path: Path, key: str, limits: dict[str, Any], below: dict[str, Any], above: dict[str, Any]
) -> None:
    async with bounded(tmp_path, **limits) as w:
        assert "completed" in (await task(w, below))["message"]
        failed = await task(w, above)
    assert f"scaffolder.limits.{key} allows no more" in failed["error"]["message"]


async def test_all_expressions_of_a_run_share_one_budget(tmp_path: Path) -> None:
    """Each of them stays below the bound of a single render."""
    many = template(step([LOOP_90000.replace("90000", str(80_000 + number)) for number in range(60)]))
    async with bounded(tmp_path, evaluation_steps=3_000_000) as w:
        refused = await dry_run(w, request(many))
    assert "scaffolder.limits.evaluationSteps" in message(refused)


async def test_a_step_after_the_budget_is_used_up_gets_no_more(tmp_path: Path) -> None:
    always = [step(LOOP_90000, 1, **{"if": "${{ always() }}"}), step(LOOP_90000, 2, **{"if": "${{ always() }}"})]
    async with bounded(tmp_path, evaluation_steps=20_000) as w:
        failed = await task(w, template(step(LOOP_90000), *always))
    assert "scaffolder.limits.evaluationSteps" in failed["error"]["message"]


async def test_the_pattern_of_a_form_has_a_budget(tmp_path: Path) -> None:
    async with bounded(tmp_path, regex_steps=9_000) as w:
        assert "completed" in (await task(w, template(step("")), {}))["message"]
        entity = template(step(""), parameters=FORM)
        assert "completed" in (await task(w, entity, {"name": "aaac"}))["message"]
        for refused in (
            await task(w, entity, {"name": "a" * 28}),
            (await dry_run(w, request(entity, values={"name": "a" * 28}))).json,
        ):
            assert "scaffolder.limits.regexSteps allows no more" in refused["error"]["message"]


@pytest.mark.parametrize(("patterns", "is_refused"), [(5, False), (6, True), (90, True)])
async def test_the_patterns_that_a_form_brings_are_bounded_in_all(
    tmp_path: Path, patterns: int, is_refused: bool
) -> None:
    """Each is compiled and remembered, a hundred times as large as it was sent."""
    long = [{"pattern": f"{patterns:02}{number:02}" + "a" * 9_996} for number in range(patterns)]
    entity = template(step(""), parameters={"properties": {"name": {"allOf": long}}})
    async with bounded(tmp_path, regex_steps=1_000_000 + 100_000) as w:
        answer = await dry_run(w, request(entity, values={"name": "x"}))
    assert ("scaffolder.limits.regexSteps allows no more" in json.dumps(answer.json)) is is_refused


async def test_rendering_that_takes_too_long_is_interrupted(tmp_path: Path) -> None:
    long = template(step([LOOP_90000.replace("90000", str(50_000 + number)) for number in range(400)]))
    async with bounded(tmp_path, seconds=0.3, evaluation_steps=10**9) as w:
        refused = await dry_run(w, request(long))

        async def others_run() -> bool:  # where a processor can be had within that time
            return (await dry_run(w, request(template(step(LOOP_100))))).status == 200

        await patience.until_answered(others_run)
    assert "longer than 0.3 seconds" in message(refused)
    assert "scaffolder.limits.seconds allows no more" in message(refused)


async def test_a_form_whose_check_grows_without_end_is_ended(tmp_path: Path) -> None:
    """Thirty levels of two alternatives each are a thousand million checks."""
    levels = {f"a{n}": {"anyOf": [{"$ref": f"#/definitions/a{n + 1}"}] * 2} for n in range(30)}
    form = {"definitions": {**levels, "a30": False}, "properties": {"name": {"$ref": "#/definitions/a0"}}}
    async with bounded(tmp_path, seconds=0.2) as w:
        refused = await dry_run(w, request(template(step(""), parameters=form), values={"name": "x"}))
    assert "scaffolder.limits." in message(refused)


async def test_the_answer_of_a_dry_run_is_bounded(tmp_path: Path) -> None:
    """A value that each step logs again makes a few megabytes into hundreds."""
    repeated = template(*(step("${{ parameters.text }}", number) for number in range(40)))
    async with bounded(tmp_path, output_bytes=2_000_000) as w:
        assert (await dry_run(w, request(repeated, values={"text": "x" * 10_000}))).status == 200
        refused = await dry_run(w, request(repeated, values={"text": "x" * 200_000}))
    assert "scaffolder.limits.outputBytes allows no more" in message(refused)


async def test_what_is_heavy_does_not_run_on_the_event_loop(tmp_path: Path) -> None:
    """A function of the template says in which thread it is evaluated, before and behind much work."""
    threads: list[int] = []

    @template_function("where")
    def where() -> str:
        threads.append(threading.get_ident())
        return ""

    services = Services(globals={"where": where})
    heavy = template(step("${{ where() }}" + LOOP_90000 + "${{ where() }}"))
    async with bounded(tmp_path, services=services) as w:
        assert (await dry_run(w, request(template(step("${{ where() }}"))))).status == 200
        assert set(threads) == {threading.get_ident()}
        threads.clear()
        assert (await dry_run(w, request(heavy))).status == 200
    tried, again = threads[0::3], threads[1::3] + threads[2::3]
    assert set(tried) == {threading.get_ident()}
    assert again
    assert threading.get_ident() not in again


async def test_others_have_their_turns_during_many_small_steps(tmp_path: Path) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with bounded(tmp_path) as w:
        other = asyncio.create_task(others())
        answer = await w.scaffolder.service.dry_run(
            request(template(*(step("${{ 1 }}", number, **{"if": "${{ false }}"}) for number in range(2_000)))),
            w.credentials,
        )
        other.cancel()
    assert len(answer["steps"]) == 2_000
    assert turns > 20


async def turns_during(work: Awaitable[T]) -> tuple[T, int]:
    """Return what some work gives, and how many turns others had on the event loop meanwhile."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    other = asyncio.create_task(others())
    try:
        return await work, turns
    finally:
        other.cancel()


@pytest.mark.parametrize(
    "sent", [b"[" + b"1," * 400_000, b'{"a": "' + b"\\n" * 4_000_000, b"[" * 240_000 + b" " * 100_000]
)
async def test_a_large_body_that_is_no_json_is_refused_in_a_moment(tmp_path: Path, sent: bytes) -> None:
    """What is wrong with it is not looked for character by character."""
    async with bounded(tmp_path) as w:
        refused = await post(site(w), "/v2/tasks", sent[: 10 * 2**20])
        small = await post(site(w), "/v2/tasks", b"[1,")
    assert refused.status == 400
    assert message(refused).startswith("The body is not valid JSON: ")
    assert message(small) == "Unexpected end of JSON input"


async def test_the_values_of_a_body_are_counted_before_it_is_parsed(tmp_path: Path) -> None:
    async with bounded(tmp_path) as w:
        below = await post(site(w), "/v2/tasks", b"[" + b"1," * 499_999 + b"1]")
        above = await post(site(w), "/v2/tasks", b"[" + b"1," * 500_000 + b"1]")
    assert message(below).startswith("request/body must be object")
    assert message(above) == "The body has more than 500,000 values, objects and lists counted twice"


@pytest.mark.thorough
async def test_objects_and_lists_of_a_body_are_counted_twice(tmp_path: Path) -> None:
    """They take longer than other values; brackets in texts are none."""
    texts = b'["' + b"{[" * 500_000 + b'\\"[",'
    async with bounded(tmp_path) as w:
        below = await post(site(w), "/v2/tasks", texts + b"[]," * 249_999 + b"1]")
        above = await post(site(w), "/v2/tasks", texts + b"[]," * 250_000 + b"1]")
    assert message(below).startswith("request/body must be object")
    assert message(above) == "The body has more than 500,000 values, objects and lists counted twice"


@pytest.mark.thorough
@pytest.mark.parametrize(("part", "fits"), [("--- a\n", 70_000), ("- 1\n", 499_990)])
def test_the_values_of_a_yaml_text_are_counted(part: str, fits: int) -> None:
    """Both readers do so, the exact one and the one for ordinary files; a document counts as some more."""
    assert load_all(part * fits)[-1].error() is None
    assert "The text has more than 500,000 values" in str(load_all(part * (fits + fits // 2))[-1].error())


async def test_what_is_wrong_with_a_body_is_looked_for_off_the_event_loop(tmp_path: Path) -> None:
    async with bounded(tmp_path) as w:
        refused, turns = await turns_during(post(site(w), "/v2/tasks", b"[" + b"1," * 130_000))
    assert message(refused) == "Unexpected end of JSON input"
    assert turns > 5


DOCUMENTS = "--- a\n" * 800_000


@pytest.mark.parametrize("action_id", ["kube:apply", "cnoe:kubernetes:apply"])
async def test_a_manifest_of_many_documents_is_refused_before_it_is_read(task_folder: Task, action_id: str) -> None:
    name = "manifest" if action_id == "kube:apply" else "manifestString"
    cluster = {"clusterName": "c"} if action_id != "kube:apply" else {}
    with pytest.raises(InputError, match="more than 5000 documents"):
        await task_folder.run(action_id, {name: DOCUMENTS, "namespaced": True, **cluster})


async def test_a_manifest_of_less_documents_is_read_off_the_event_loop(task_folder: Task) -> None:
    manifest = "---\n# nothing\n" * 5_000
    result, turns = await turns_during(task_folder.run("kube:apply", {"manifest": manifest, "namespaced": True}))
    assert result.log.messages == ["The manifest is empty; nothing was applied"]
    assert turns > 1


@pytest.mark.thorough
async def test_a_template_of_many_documents_is_read_off_the_event_loop(tmp_path: Path) -> None:
    """As the action of the registry, and as an agent's tool."""
    async with bounded(tmp_path) as w:
        [offered] = [
            one
            for one in scaffolder_actions.offered(w.scaffolder.authorized)
            if one.entry["name"] == "dry-run-template"
        ]
        sent = Call({"templateYaml": DOCUMENTS[:400_000]}, None, w.credentials)
        answer, turns = await turns_during(offered.run(sent))
        assert answer["valid"] is False
        assert turns > 5
        with pytest.raises(InputError, match="multiple documents"):
            _, turns = await turns_during(tools.call(NoApi(), "dry_run_template", {"templateYaml": DOCUMENTS[:90_000]}))


class Importer(importlib.abc.MetaPathFinder):
    """Notes in which thread a package is looked for."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.threads: set[int] = set()

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == self.package:
            self.threads.add(threading.get_ident())


async def test_what_is_imported_for_agents_is_imported_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request of anybody causes it; it takes a second."""
    importer = Importer("mcp")
    for name in [name for name in sys.modules if name.partition(".")[0] == "mcp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [importer, *sys.meta_path])
    endpoint = McpEndpoint(lambda _request: NoApi())
    async with endpoint.running():
        await call(endpoint, "POST", "/", body=b"{}")
    assert importer.threads
    assert threading.get_ident() not in importer.threads


@pytest.mark.thorough
@pytest.mark.parametrize(("length", "status"), [(99_999, 200), (300_000, 400)])
async def test_a_pattern_that_somebody_sends_is_read_up_to_a_length(tmp_path: Path, length: int, status: int) -> None:
    """Its tree takes a thousand times as much memory."""
    form = {"properties": {"name": {"type": "string", "format": "regex"}}}
    entity = {**template(), "spec": {**template()["spec"], "parameters": [form]}}
    async with bounded(tmp_path) as w:
        answer = await dry_run(w, request(entity, values={"name": "a." * (length // 2)}))
    assert answer.status == status


@pytest.mark.thorough
@pytest.mark.parametrize(("count", "status"), [(90, 200), (110, 400)])
async def test_the_folders_of_a_dry_run_are_bounded(tmp_path: Path, count: int, status: int) -> None:
    """A megabyte of paths named a million of them."""
    deep = "/".join("abcdefghij" * 10)
    files = [{"path": f"{n}/{deep}/f", "base64Content": ""} for n in range(count)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backstage_py.scaffolder.face.directory._MOST_PARTS", 10_100)
        async with bounded(tmp_path) as w:
            answer = await dry_run(w, {**request(template(step(""))), "directoryContents": files})
    assert answer.status == status


QUOTING: Mapping[str, dict[str, Any]] = {
    "enum": {"enum": ["x" * 10_000]},
    "const": {"const": "x" * 10_000},
    "pattern": {"pattern": "x" * 10_000},
    "not": {"not": {"description": "x" * 10_000}},
    "format": {"format": "uri", "description": "x" * 10_000},
}


@pytest.mark.thorough
@pytest.mark.parametrize("keyword", QUOTING)
async def test_violations_that_quote_much_are_bounded_in_all(tmp_path: Path, keyword: str) -> None:
    """A form of megabytes for thousands of values made an answer of gigabytes."""
    entity = template(step(""), parameters={"properties": {"names": {"items": QUOTING[keyword]}}})
    async with bounded(tmp_path, output_bytes=2_000_000) as w:
        few = await dry_run(w, request(entity, values={"names": ["y"] * 20}))
        assert len(few.json["errors"]) == 20
        for many in (
            (await dry_run(w, request(entity, values={"names": ["y"] * 2_000}))).json,
            await task(w, entity, {"names": ["y"] * 2_000}),
        ):
            assert "scaffolder.limits.outputBytes allows no more" in many["error"]["message"]


@pytest.mark.thorough
async def test_what_jsonata_makes_is_bounded(task_folder: Task) -> None:
    result = await task_folder.run("roadiehq:utils:jsonata", {"data": {}, "expression": "[1..1000]"})
    assert len(result.outputs["result"]) == 1_000
    with pytest.raises(InputError, match="larger than 4 MiB"):
        await task_folder.run("roadiehq:utils:jsonata", {"data": {}, "expression": "[1..2000000]"})


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("a" * 3_000_000, ["a" * 50_000]),
        ("a" * 3_000_000 + "b", ["a" * 50_000 + "b" + "a" * 50_000, "a" * 10 + "b"]),
        ("ab" * 1_000_000, ["ab" * length for length in range(2, 502)]),
        ("0123456789" * 200_000, [("0123456789" * 4)[start : start + 20] for start in range(10)]),
    ],
    ids=["periodic", "nearly", "nested", "overlapping"],
)
async def test_masking_takes_time_and_memory_by_the_length_of_the_text(
    tmp_path: Path, text: str, secrets: list[str]
) -> None:
    """A search that goes on a character at a time, or keeps each occurrence, does not end within the test's time."""
    async with bounded(tmp_path) as w:
        sent = request(template(step(text)), secrets={str(number): one for number, one in enumerate(secrets)})
        answer = await dry_run(w, json.loads(json.dumps(sent)))
    said = [entry["body"]["message"] for entry in answer.json["log"]]
    assert [message for message in said if message.endswith("***")]
    assert not [message for message in said if any(secret in message for secret in secrets)]
