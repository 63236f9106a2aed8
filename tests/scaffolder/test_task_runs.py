import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import ConflictError, NotFoundError, PermanentError, TemporaryError
from backstage_py.plugin import ActionContext, RetryPolicy, action, formats
from backstage_py.scaffolder.face.template_forms import FormProblems
from tests import patience
from tests.scaffolder.harness import GUEST, body, log, messages, template, world

Context = ActionContext[dict[str, Any]]

SAY_INPUT = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}


@action("test:say", SAY_INPUT, output={"type": "object", "properties": {"said": {"type": "string"}}}, dry_run=True)
def say(ctx: Context) -> None:
    ctx.logger.info(ctx.input["message"])
    ctx.output("said", ctx.input["message"])


@action("test:keep")
def keep(ctx: Context) -> None:
    ctx.logger.info(str(ctx.input))
    ctx.output("kept", ctx.input)


@action("test:render")
def render(ctx: Context) -> None:
    formats.skeleton_renderer(ctx.services).render(ctx.input["source"], {"values": {}}, filename="a.txt")


@action("test:fail")
async def fail(ctx: Context) -> None:
    raise PermanentError(ctx.input.get("why", "it broke"))


@action("test:hang")
async def hang(ctx: Context) -> None:
    await asyncio.sleep(3600)


released = threading.Event()


@action("test:hang-thread")
def hang_thread(ctx: Context) -> None:
    released.wait(2 * patience.SECONDS)


async def test_a_task_runs_its_steps_in_order_and_completes_with_its_output(tmp_path: Path) -> None:
    entity = template(
        {"id": "one", "name": "One", "action": "test:say", "input": {"message": "hi ${{ parameters.name }}"}},
        {"action": "test:say", "input": {"message": "${{ steps.one.output.said }}!"}},
        output={"said": "${{ steps.one.output.said }}"},
    )
    async with world(tmp_path, say) as w:
        task_id = await w.create(entity, {"name": "Ann"})
        events = await w.events(task_id)
        task = await w.scaffolder.service.get(task_id)
    assert log(events)[:-1] == [
        (None, None, "Starting up task with 2 steps"),
        ("one", "processing", "Beginning step One"),
        ("one", None, "info: hi Ann"),
        ("one", "completed", "Finished step One"),
        ("step-2", "processing", "Beginning step test:say"),
        ("step-2", None, "info: hi Ann!"),
        ("step-2", "completed", "Finished step test:say"),
    ]
    assert events[-1].type == "completion"
    assert body(events[-1]) == {"message": "Run completed with status: completed", "output": {"said": "hi Ann"}}
    assert [event.id for event in events] == sorted({event.id for event in events})
    assert task.status == "completed"
    assert task.created_by == "user:development/guest"
    assert not list((tmp_path / "work").glob(f"{task_id}*"))


async def test_a_value_that_is_one_tag_has_the_type_of_what_it_gives(tmp_path: Path) -> None:
    guard = "{% if parameters.loud %}true{% else %}false{% endif %}"
    entity = template(
        {"id": "guarded", "if": guard, "action": "test:say", "input": {"message": "hi"}},
        {
            "id": "each",
            "each": "{% if true %}[1, 2]{% endif %}",
            "action": "test:keep",
            "input": {"n": "${{ each.value }}"},
        },
        {
            "id": "typed",
            "action": "test:keep",
            "input": {
                "flag": "{% if parameters.loud %}true{% else %}false{% endif %}",
                "count": "{% if true %}5{% endif %}",
                "nothing": "{% if parameters.loud %}x{% endif %}",
                "empty": "",
                "list": ["{% if parameters.loud %}x{% endif %}", '{% if true %}{"a": 1}{% endif %}'],
                "text": "{% if true %}5{% endif %} ",
            },
        },
        output={
            "kept": "${{ steps.typed.output.kept }}",
            "nothing": "{% if parameters.loud %}x{% endif %}",
            "number": "{% for x in [1, 2] %}${{ x }}{% endfor %}",
            "links": [{"title": "hidden", "url": "https://a", "if": guard}, {"title": "shown", "url": "https://b"}],
        },
    )
    async with world(tmp_path, say, keep) as w:
        events = await w.run(entity, {"loud": False})
    assert ("guarded", "skipped", "Skipping step guarded because its if condition was false") in log(events)
    assert ("each", None, "info: {'n': 2}") in log(events)
    assert body(events[-1])["output"] == {
        "kept": {"flag": False, "count": 5, "list": [None, {"a": 1}], "text": "5 "},
        "number": 12,
        "links": [{"title": "shown", "url": "https://b"}],
    }


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("${{ values.x | nosuch }}", "TemplateRenderError", 'Unknown filter "nosuch"'),
        ("{% if values.x %}", "TemplateRenderError", '"if" has no matching "{% endif %}"'),
        ("${{ range(10000000) }}", "TemplateLimitError", "The template exceeds"),
    ],
)
async def test_what_an_action_cannot_render_ends_with_backstages_error(
    tmp_path: Path, source: str, name: str, message: str
) -> None:
    entity = template({"id": "r", "action": "test:render", "input": {"source": "{% raw %}" + source + "{% endraw %}"}})
    async with world(tmp_path, render) as w:
        events = await w.run(entity)
    assert body(events[-1])["error"]["name"] == name
    assert message in body(events[-1])["error"]["message"]
    assert any(entry[2].startswith(f"{name}: ") for entry in log(events))


async def test_a_failing_step_skips_the_rest_but_not_what_asks_for_the_outcome(tmp_path: Path) -> None:
    entity = template(
        {"id": "bad", "name": "Bad", "action": "test:fail"},
        {"id": "next", "action": "test:say", "input": {"message": "no"}},
        {"id": "on-failure", "if": "${{ failure() }}", "action": "test:say", "input": {"message": "cleaning up"}},
        {"id": "last", "if": "${{ always() }}", "action": "test:say", "input": {"message": "always"}},
        {"id": "maybe", "if": "${{ parameters.x }}", "action": "test:say", "input": {"message": "no"}},
    )
    async with world(tmp_path, say, fail) as w:
        events = await w.run(entity, {"x": True})
    assert [entry for entry in log(events) if entry[1] in {"failed", "skipped", "completed"}] == [
        ("bad", "failed", "Error: it broke"),
        ("next", "skipped", "Skipping step next because a previous step failed"),
        ("on-failure", "completed", "Finished step test:say"),
        ("last", "completed", "Finished step test:say"),
        ("maybe", "skipped", "Skipping step maybe because a previous step failed"),
    ]
    assert body(events[-1]) == {
        "message": "Run completed with status: failed",
        "error": {"name": "Error", "message": "it broke"},
    }


@pytest.mark.parametrize(
    ("condition", "runs"),
    [(False, False), (True, True), ("${{ parameters.no }}", False), ("${{ parameters.empty }}", False), ("text", True)],
)
async def test_if_decides_whether_a_step_runs(tmp_path: Path, condition: Any, runs: bool) -> None:
    entity = template({"id": "s", "if": condition, "action": "test:say", "input": {"message": "ran"}})
    async with world(tmp_path, say) as w:
        events = await w.run(entity, {"empty": []})
    assert ("info: ran" in [entry[2] for entry in log(events)]) is runs
    assert ("Skipping step s because its if condition was false" in messages(events)) is not runs


async def test_each_runs_a_step_per_item_and_collects_outputs(tmp_path: Path) -> None:
    entity = template(
        {
            "id": "e",
            "name": "E",
            "each": "${{ parameters.items }}",
            "if": "${{ each.value }}",
            "action": "test:say",
            "input": {"message": "${{ each.key }}=${{ each.value }}"},
        },
        output={"all": "${{ steps.e.output.said }}"},
    )
    async with world(tmp_path, say) as w:
        events = await w.run(entity, {"items": {"a": "x", "b": "", "c": "z"}})
    assert [entry[2] for entry in log(events) if entry[1] is None][1:-1] == [
        'info: Running step each: {"key":"a","value":"x"}',
        "info: a=x",
        'info: Skipping step each: {"key":"b","value":""}',
        'info: Running step each: {"key":"c","value":"z"}',
        "info: c=z",
    ]
    assert body(events[-1])["output"] == {"all": ["a=x", "c=z"]}


async def test_each_must_be_a_list_or_an_object(tmp_path: Path) -> None:
    one = template({"id": "e", "each": "${{ parameters.missing }}", "action": "test:say"})
    other = template({"id": "e", "each": 3, "action": "test:say"}, name="other")
    async with world(tmp_path, say) as w:
        assert body((await w.run(one))[-1])["error"] == {
            "name": "InputError",
            "message": 'Invalid value on action test:say.each parameter, "${{ parameters.missing }}" '
            "cannot be resolved to a value",
        }
        assert body((await w.run(other))[-1])["error"]["message"] == (
            "Invalid value on action test:say.each parameter, must resolve to an array or object"
        )


async def test_wrong_input_and_unknown_actions_fail_in_backstages_words(tmp_path: Path) -> None:
    wrong = template({"id": "s", "action": "test:say", "input": {"message": 3}})
    unknown = template({"id": "s", "action": "nope:nope"}, name="unknown")
    each = template({"id": "s", "each": ["a"], "action": "test:say", "input": {}}, name="each")
    async with world(tmp_path, say) as w:
        assert body((await w.run(wrong))[-1])["error"] == {
            "name": "InputError",
            "message": "Invalid input passed to action test:say, instance.message is not of a type(s) string",
        }
        assert body((await w.run(unknown))[-1])["error"] == {
            "name": "NotFoundError",
            "message": "Template action with ID 'nope:nope' is not registered. See "
            "https://backstage.io/docs/features/software-templates/builtin-actions/ on how to add a new action module.",
        }
        assert body((await w.run(each))[-1])["error"]["message"] == (
            'Invalid input passed to action test:say[0], instance requires property "message"'
        )


async def test_links_and_texts_of_the_output_are_shown_by_their_if(tmp_path: Path) -> None:
    entity = template(
        {"action": "test:say", "input": {"message": "x"}},
        output={
            "links": [{"title": "a", "if": "${{ parameters.yes }}"}, {"title": "b", "if": "${{ parameters.no }}"}],
            "text": [{"title": "c", "if": False}, {"title": "d"}],
        },
    )
    async with world(tmp_path, say) as w:
        events = await w.run(entity, {"yes": True, "no": ""})
    assert body(events[-1])["output"] == {"links": [{"title": "a"}], "text": [{"title": "d"}]}


@pytest.mark.parametrize("stuck", ["test:hang", "test:hang-thread"])
async def test_cancel_does_not_wait_for_a_running_action(tmp_path: Path, stuck: str) -> None:
    entity = template(
        {"id": "w", "name": "Wait", "action": stuck}, {"id": "l", "action": "test:say", "input": {"message": "x"}}
    )
    released.clear()
    async with world(tmp_path, say, hang, hang_thread) as w:
        task_id = await w.create(entity)
        async for batch in await w.scaffolder.service.event_stream(task_id, None):
            if any("Beginning step Wait" in event.body for event, _ in batch):
                break
        await w.scaffolder.service.cancel(task_id)
        events = await w.events(task_id)
        task = await w.scaffolder.service.get(task_id)
        released.set()
    assert [(event.type, *entry) for event, entry in zip(events, log(events), strict=True)][2:] == [
        ("cancelled", "w", "cancelled", "Step w has been cancelled."),
        ("log", "w", "failed", f"Error: Step w (Wait) of task {task_id} has been cancelled."),
        ("log", "l", "skipped", "Skipping step l because a previous step failed"),
        ("completion", None, None, "Run completed with status: failed"),
    ]
    assert task.status == "failed"


async def test_cancelling_an_ended_task_adds_the_event_and_keeps_its_status(tmp_path: Path) -> None:
    async with world(tmp_path, say) as w:
        task_id = await w.create(template({"id": "s", "action": "test:say", "input": {"message": "x"}}))
        await w.events(task_id)
        await w.scaffolder.service.cancel(task_id)
        events = await w.scaffolder.service.event_list(task_id, None)
        assert [event.type for event, _ in events][-2:] == ["completion", "cancelled"]
        assert (await w.scaffolder.service.get(task_id)).status == "completed"


async def test_retry_runs_an_ended_task_again_and_refuses_a_running_one(tmp_path: Path) -> None:
    release = threading.Event()
    tries: list[int] = []

    @action("test:second-time")
    def second_time(ctx: Context) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise PermanentError("not yet")
        release.wait(patience.SECONDS)

    entity = template({"id": "s", "action": "test:second-time"})
    async with world(tmp_path, second_time) as w:
        task_id = await w.create(entity)
        assert body((await w.events(task_id))[-1])["error"]["message"] == "not yet"
        await w.scaffolder.service.retry(task_id, {}, GUEST)
        with pytest.raises(ConflictError, match=f"Task with taskId {task_id} cannot be retried"):
            await w.scaffolder.service.retry(task_id, {}, GUEST)
        release.set()
        events = await w.events(task_id)
    assert [event.type for event in events if event.type != "log"] == ["recovered", "completion"]
    assert body(next(event for event in events if event.type == "recovered")) == {"recoverStrategy": "none"}
    assert body(events[-1])["message"] == "Run completed with status: completed"


async def test_values_and_secrets_must_fit_the_form(tmp_path: Path) -> None:
    entity = template(
        {"action": "test:say"},
        parameters=[{"required": ["name"], "properties": {"name": {"type": "string"}}}],
        secrets={"schema": {"type": "object", "required": ["tok"], "properties": {"tok": {"minLength": 9}}}},
    )
    async with world(tmp_path, say, start=False) as w:
        with pytest.raises(FormProblems) as values:
            await w.create(entity)
        with pytest.raises(FormProblems) as missing:
            await w.create(entity, {"name": "x"})
        with pytest.raises(FormProblems) as short:
            await w.create(entity, {"name": "x"}, {"tok": "short"})
    assert values.value.errors[0]["stack"] == 'instance requires property "name"'
    assert (missing.value.errors[0]["property"], missing.value.errors[0]["message"]) == (
        "secrets",
        "secrets.tok is required",
    )
    assert missing.value.errors[0]["instance"] == {}
    assert short.value.errors[0]["message"] == "secrets.tok does not meet minimum length of 9"
    assert "short" not in str(short.value.errors)


async def test_unknown_templates_and_tasks_are_not_found(tmp_path: Path) -> None:
    async with world(tmp_path, start=False) as w:
        with pytest.raises(NotFoundError, match="Template template:default/nope not found"):
            await w.scaffolder.service.create("template:default/nope", {}, {}, GUEST)
        with pytest.raises(NotFoundError, match="No task with id 'nope' found"):
            await w.scaffolder.service.cancel("nope")


async def test_temporary_errors_are_tried_again_and_foreign_ones_are_readable(tmp_path: Path) -> None:
    tries: list[int] = []

    @action("test:flaky", retry=RetryPolicy(attempts=3, first_wait=0))
    async def flaky(ctx: Context) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise TemporaryError("busy")

    @action("test:foreign")
    def foreign(ctx: Context) -> None:
        raise KeyError("nothing")

    @action("test:unserialisable")
    def unserialisable(ctx: Context) -> None:
        ctx.output("x", object())

    @action("test:slow", timeout=0.05)
    async def slow(ctx: Context) -> None:
        await asyncio.sleep(30)

    def one(name: str) -> dict[str, Any]:
        return template({"id": "s", "action": f"test:{name}"}, name=name)

    async with world(tmp_path, flaky, foreign, unserialisable, slow) as w:
        assert "completed" in messages(await w.run(one("flaky")))[-1]
        assert body((await w.run(one("foreign")))[-1])["error"]["message"] == "KeyError: 'nothing'"
        assert "Output 'x' is not a JSON value" in body((await w.run(one("unserialisable")))[-1])["error"]["message"]
        assert body((await w.run(one("slow")))[-1])["error"]["message"] == (
            "Action test:slow did not finish within 0.05 s"
        )
    assert len(tries) == 3


async def test_a_temporary_directory_is_beside_the_workspace_and_gone_after_the_step(tmp_path: Path) -> None:
    seen: list[Path] = []

    @action("test:temporary")
    def temporary(ctx: Context) -> None:
        folder = ctx.temporary_directory()
        (folder / "x").write_text("x")
        seen.append(folder)
        ctx.output("inside", str(ctx.workspace.root) in str(folder / ""))

    async with world(tmp_path, temporary) as w:
        await w.run(template({"id": "s", "action": "test:temporary"}))
    assert not seen[0].exists()
    assert seen[0].parent == tmp_path / "work"
