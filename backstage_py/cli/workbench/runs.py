"""Runs that the page asks for: of a template with the form's values, and of its test cases."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py import threads
from backstage_py.cli.commands import test as test_command
from backstage_py.cli.commands.test import CaseResult, TestOptions
from backstage_py.cli.local import form, template_file, template_runs
from backstage_py.cli.local.template_runs import GUEST, Outcome, Request
from backstage_py.cli.workbench import entities
from backstage_py.cli.workbench.folder import Folder
from backstage_py.errors import BackstageError, InputError, as_name
from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.run.spec import steps_with_defaults

_DONE = "done"
_OPTION = re.compile(r"; give --(?:values|secrets) \S+=…")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that is asked for.

    Attributes:
        template: its file.
        in_sandbox: really run, against a git host on this machine that takes GitHub's place.
    """

    template: Path
    values: JsonObject
    secrets: Mapping[str, str] = field(repr=False)
    user: str = GUEST
    in_sandbox: bool = False


def wanted(template: Path, body: JsonObject) -> Wanted:
    """Read what the page sends: ``values``, ``secrets``, ``user``, ``sandbox``.

    Raises:
        InputError: one of them has another type.
    """
    values, secrets = body.get("values") or {}, body.get("secrets") or {}
    user = body.get("user") or GUEST
    if not isinstance(values, dict) or not isinstance(secrets, dict) or not isinstance(user, str):
        raise InputError("'values' and 'secrets' must be objects, 'user' an entity reference")
    return Wanted(template, values, {key: str(one) for key, one in secrets.items()}, user, body.get("sandbox") is True)


async def events(folder: Folder, asked: Wanted) -> AsyncIterator[tuple[str, Json]]:
    """Run a template and yield what happens, as ``(event, data)``.

    ``steps`` comes first, then ``log``, ``inputs`` and ``output`` of steps as they run, at last ``done`` with the
    files and the output, or with the error. The run ends with whoever iterates.
    """
    queue: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(event: str, data: Json) -> None:  # from any thread
        loop.call_soon_threadsafe(queue.put_nowait, (event, data))

    running = asyncio.create_task(_run(folder, asked, tell))
    running.add_done_callback(lambda _: queue.put_nowait((_DONE, None)))
    try:
        while True:
            event, data = await queue.get()
            if event == _DONE:
                break
            yield event, data
        yield _DONE, await _result(running, folder)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _run(folder: Folder, asked: Wanted, tell: Callable[[str, Json], None]) -> Outcome:
    local = await template_file.load(asked.template, folder.config, folder.trust)
    tell("steps", steps_with_defaults(local.template.steps))
    values = form.with_defaults(local.template.pages, asked.values)
    values = form.with_masks(local.template.pages, values, asked.secrets)
    fixtures = await threads.file_work(folder.fixtures, asked.template)
    catalog = await threads.file_work(lambda: list(entities.of(folder.path))) if fixtures.entities is None else ()
    composed = template_runs.opened(
        config=folder.config,
        start=asked.template,
        sandbox=asked.in_sandbox,
        trust=folder.trust,
        fixtures=fixtures,
        catalog=catalog,
    )
    async with composed as scaffolder:
        return await scaffolder.run(
            local,
            Request(values, asked.secrets, asked.user),
            lambda event: tell("log", event["body"]),
            lambda step, what, value: tell(what, {"stepId": step, "value": value}),
        )


async def _result(running: "asyncio.Task[Outcome]", folder: Folder) -> JsonObject:
    try:
        outcome = await running
    except BackstageError as failure:  # it could not begin
        outcome = Outcome((), (), {}, (), {}, failure)
    error = outcome.error
    return {
        "files": [file.as_json() for file in outcome.files],
        "output": outcome.output,
        "statuses": dict(outcome.statuses),
        "error": error and {"name": as_name(error), "message": _without_options(folder.without_path(error.message))},
    }


def _without_options(message: str) -> str:
    """Return a message without the command line's ways to give values."""
    return _OPTION.sub("", message)


async def cases(folder: Folder, template: Path, only: str | None) -> list[JsonObject]:
    """Run the test cases of a template, or the one of a name, and return how each went."""
    options = TestOptions(config=folder.config, trust=folder.trust)
    chosen = [one for one in folder.cases(template) if only in (None, one.name)]
    return [_case(folder, await test_command.run_one(one, options)) for one in chosen]


def _case(folder: Folder, result: CaseResult) -> JsonObject:
    return {
        "name": result.case.name,
        "file": folder.name(result.case.file),
        "line": result.case.line,
        "differences": [folder.without_path(one) for one in result.differences],
        "notes": [folder.without_path(one) for one in result.notes],
    }
