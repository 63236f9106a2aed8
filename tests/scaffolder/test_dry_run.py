import base64
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import InputError, NotAllowedError, NotFoundError, PermanentError
from backstage_py.plugin import ActionContext, ActionRegistry, Services, action
from backstage_py.scaffolder.face import dryrun
from backstage_py.scaffolder.face.dryrun import DryRun
from backstage_py.scaffolder.run import action_gate
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.rendering import Environment
from tests.scaffolder.harness import GUEST, template, world

Context = ActionContext[dict[str, Any]]


@action(
    "test:write", {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}}, dry_run=True
)
def write(ctx: Context) -> None:
    target = ctx.workspace.path(ctx.input["path"])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("written")
    target.chmod(0o755)
    ctx.output("dry", ctx.is_dry_run)


@action(
    "test:publish",
    {"type": "object", "required": ["never"]},
    output={"type": "object", "properties": {"remoteUrl": {"type": "string"}, "n": {"type": "number"}}},
)
def publish(ctx: Context) -> None:
    raise AssertionError("a dry run reached an action that does not support it")


def body(entity: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"template": entity, "values": {}, "directoryContents": [], **more}


async def test_a_dry_run_runs_what_can_be_tried_and_explains_the_rest(tmp_path: Path) -> None:
    entity = template(
        {"id": "w", "name": "W", "action": "test:write", "input": {"path": "a/${{ parameters.name }}"}},
        {"id": "p", "action": "test:publish", "input": {"repo": "${{ secrets.tok }}"}},
        output={"url": "${{ steps.p.output.remoteUrl }}", "dry": "${{ steps.w.output.dry }}"},
    )
    async with world(tmp_path, write, publish, start=False) as w:
        answer = await w.scaffolder.service.dry_run(
            body(entity, values={"name": "x"}, secrets={"tok": "hidden-token"}), GUEST
        )
    assert answer["output"] == {"url": "<example>", "dry": True}
    assert answer["directoryContents"] == [
        {"path": "a/x", "executable": True, "base64Content": base64.b64encode(b"written").decode()}
    ]
    assert [step["name"] for step in answer["steps"]] == ["W", "test:publish"]
    said = [entry["body"] for entry in answer["log"]]
    assert said[0] == {"message": "Starting up task with 3 steps"}
    assert {
        "message": "Skipping because test:publish does not support dry-run",
        "stepId": "p",
        "status": "skipped",
    } in said
    assert 'in dry-run mode with inputs (secrets redacted): {\n  "repo": "***"\n}' in said[5]["message"]
    assert "hidden-token" not in str(answer)
    assert not [path for path in (tmp_path / "work").iterdir() if path.name.startswith("dry-run")]


async def test_a_failing_step_fails_the_dry_run_with_its_error(tmp_path: Path) -> None:
    async with world(tmp_path, write, start=False) as w:
        run = w.scaffolder.service.dry_run
        with pytest.raises(NotAllowedError, match="outside its parent"):
            await run(body(template({"action": "test:write", "input": {"path": "../x"}})), GUEST)
        with pytest.raises(NotFoundError, match="'nope' is not registered"):
            await run(body(template({"action": "nope"})), GUEST)
        with pytest.raises(InputError, match='requires property "path"'):
            await run(body(template({"action": "test:write"})), GUEST)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"template": {"kind": "Component"}}, "Input template is not a template"),
        ({"directoryContents": [{"path": "../x", "base64Content": ""}]}, "outside its parent"),
        ({"directoryContents": [{"path": "x"}]}, "Malformed request"),
        ({"directoryContents": [{"path": "x", "base64Content": ""}, {"path": "x/y", "base64Content": ""}]}, "x/y"),
        ({"directoryContents": [{"path": "", "base64Content": ""}]}, "cannot be written"),
    ],
)
async def test_a_wrong_request_is_refused(tmp_path: Path, change: dict[str, Any], error: str) -> None:
    async with world(tmp_path, start=False) as w:
        with pytest.raises((InputError, NotAllowedError), match=error):
            await w.scaffolder.service.dry_run({**body(template()), **change}, GUEST)


async def test_environment_secrets_are_not_resolved(tmp_path: Path) -> None:
    """CVE-2026-32237: a dry run answered with them."""
    seen: list[Any] = []

    @action("test:see", dry_run=True)
    def see(ctx: Context) -> None:
        seen.append(ctx.input)

    entity = template(
        {"action": "test:see", "input": {"p": "${{ environment.parameters.p }}", "s": "${{ environment.secrets.s }}"}}
    )
    registry = ActionRegistry()
    registry.add(see)
    result = await dryrun.run(
        DryRun(
            {
                "apiVersion": "scaffolder.backstage.io/v1beta3",
                "steps": [{**entity["spec"]["steps"][0], "id": "s", "name": "S"}],
            },
            entity["metadata"],
            {},
            tmp_path,
        ),
        Equipment(registry, Services(), Environment({"p": "shown"}, {"s": "real-secret"})),
        gate=action_gate.for_author(),
        working_directory=tmp_path / "work",
    )
    assert seen == [{"p": "shown"}]
    assert "real-secret" not in str(result)


async def test_a_folder_is_tried_in_place(tmp_path: Path) -> None:
    """The command line has the template's folder already; nothing in it may be removed."""
    seen: list[Path] = []

    @action("test:base", dry_run=True)
    def base(ctx: Context) -> None:
        assert ctx.template_info is not None
        seen.append(Path(str(ctx.template_info.base_url).removeprefix("file://")))

    registry = ActionRegistry()
    registry.add(base)
    (tmp_path / "skeleton").mkdir()
    spec = {"apiVersion": "scaffolder.backstage.io/v1beta3", "steps": [{"id": "b", "name": "B", "action": "test:base"}]}
    await dryrun.run(
        DryRun(spec, {"name": "t"}, {}, tmp_path),
        Equipment(registry, Services()),
        gate=action_gate.for_author(),
        working_directory=tmp_path / "work",
    )
    assert seen == [tmp_path / "template.yaml"]
    assert (tmp_path / "skeleton").is_dir()


async def test_permanent_errors_of_actions_reach_the_caller(tmp_path: Path) -> None:
    @action("test:fail", dry_run=True)
    def fail(ctx: Context) -> None:
        raise PermanentError("no")

    async with world(tmp_path, fail, start=False) as w:
        with pytest.raises(PermanentError, match="no"):
            await w.scaffolder.service.dry_run(body(template({"action": "test:fail"})), GUEST)
