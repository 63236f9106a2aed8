"""``backstage-py dry-run``: what a template would do, without doing it."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backstage_py.cli.cases import fixtures as fixture_files
from backstage_py.cli.local import form, given_values, kept, template_file, template_runs
from backstage_py.cli.local.template_runs import Outcome, Request
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.terminal import output, trees
from backstage_py.errors import InputError
from backstage_py.model import json
from backstage_py.scaffolder.face.directory import read

OK, FAILED, COULD_NOT_RUN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class DryRunOptions:
    """What the command line asked for.

    Attributes:
        values: files and ``name=value``.
        out: keep the tree here.
        against: show what differs from this folder; from nothing by default.
        defaults: fill in the form's defaults, as the form does.
        entities: files with the entities of the catalog.
        mocks: files with what actions do instead.
    """

    values: Sequence[str] = ()
    secrets: Sequence[str] = ()
    user: str = "user:default/guest"
    out: Path | None = None
    against: Path | None = None
    config: Sequence[Path] = ()
    trust: Trust | None = None
    sandbox: bool = False
    diff: bool = False
    as_json: bool = False
    defaults: bool = True
    entities: Sequence[Path] = ()
    mocks: Sequence[Path] = ()


def run(path: Path, options: DryRunOptions) -> int:
    """Run, write what happened, and return the exit status: 0 done, 1 a step failed, 2 could not run."""
    try:
        _check_folders(options)
        outcome = asyncio.run(_run(path, options))
        if options.out and outcome.files:
            trees.write(options.out, outcome.files)
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    if options.as_json:
        sys.stdout.write(json.text(outcome.as_json()) + "\n")
    else:
        _show(outcome, options)
    return FAILED if outcome.error else OK


def _check_folders(options: DryRunOptions) -> None:
    output.check_folder(options.out)
    if options.against and not options.against.is_dir():
        raise InputError(f"There is no folder {options.against} to compare with")


async def _run(path: Path, options: DryRunOptions) -> Outcome:
    local = await template_file.load(path, options.config, options.trust)
    fixtures = fixture_files.read_files(options.entities, options.mocks)
    values = given_values.read(options.values, form.texts(local.template.pages))
    if options.defaults:
        values = form.with_defaults(local.template.pages, values)
    secrets = given_values.read_secrets(options.secrets)
    form.warn_of_unknown(local, values)
    composed = template_runs.opened(
        config=options.config,
        start=path,
        sandbox=options.sandbox,
        sandbox_root=kept.emptied(root) if (root := _repositories(options)) else None,
        trust=options.trust,
        fixtures=fixtures,
    )
    async with composed as scaffolder:
        masked = form.with_masks(local.template.pages, values, secrets)
        outcome = await scaffolder.run(local, Request(masked, secrets, options.user))
    return replace(outcome, output=kept.without_host(outcome.output, scaffolder.hosts, root)) if root else outcome


def _repositories(options: DryRunOptions) -> Path | None:
    """Where the git host keeps what was pushed to it: beside the tree, if that is kept."""
    if not (options.out and options.sandbox):
        return None
    out = options.out.absolute()
    return out.with_name(f"{out.name}.sandbox")


def _show(outcome: Outcome, options: DryRunOptions) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)

    def line(text: str, style: str = "") -> None:
        console.print(Text(text, style=style if console.is_terminal else ""))

    marks = {"completed": ("✓", "green"), "skipped": ("-", "yellow"), "failed": ("✗", "red")}
    reasons = template_runs.reasons(outcome.log)
    for step in outcome.steps:
        status = outcome.statuses.get(step["id"], "not run")
        mark, style = marks.get(status, ("·", "dim"))
        reason = f", {reasons[step['id']]}" if step["id"] in reasons else ""
        line(f"{mark} {step['name']} ({step['action']}): {status}{reason}", style)
        for entry in outcome.log:
            body = entry["body"]
            if body.get("stepId") == step["id"] and not _is_shown_above(body):
                for text in _plain(body["message"]).splitlines():
                    line(f"    {text}", "dim")
    line("")
    if options.diff or options.against:
        before = trees.contents(read(options.against)) if options.against else {}
        differences = list(trees.diff(before, trees.contents(outcome.files)))
        for text in differences or [f"Nothing differs from {options.against}" if options.against else "No files"]:
            line(text, "green" if text.startswith("+") else "red" if text.startswith("-") else "")
    else:
        line(_counted(len(outcome.files), outcome), "bold")
        for text in trees.lines(outcome.files):
            line(text)
    if outcome.output:
        line("Output", "bold")
        from backstage_py.model import yaml

        for text in yaml.dump(outcome.output).splitlines():
            line(f"  {text}")
    if options.out and outcome.files:
        line(f"Kept in {options.out}" + (f", repositories in {root}" if (root := _repositories(options)) else ""))
    if outcome.error:
        line(f"Failed: {outcome.error.message}", "bold red")


def _counted(files: int, outcome: Outcome) -> str:
    words = "No files" if not files else "1 file" if files == 1 else f"{files} files"
    return f"{words} {'were written before it failed' if outcome.error else 'would be written'}"


def _is_shown_above(body: json.JsonObject) -> bool:
    """Whether the step's line says what a log entry does: that it begins or ends, or why it is not run here."""
    message = str(body.get("message", ""))
    return message.startswith(("Beginning step", "Finished step")) or template_runs.is_known_by_schema(body)


def _plain(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)
