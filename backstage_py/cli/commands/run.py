"""``backstage-py run``: asks for the form in the terminal, then runs the template for real, with its steps live."""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from backstage_py.cli.local import form, given_values, kept, template_file, template_runs
from backstage_py.cli.local.known_actions import TOKEN_VARIABLE, check_address
from backstage_py.cli.local.template_file import LocalTemplate
from backstage_py.cli.local.template_runs import LocalScaffolder, Outcome, Request
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.terminal import form_prompts, output, progress, trees
from backstage_py.cli.terminal.form_prompts import Prompter
from backstage_py.errors import InputError
from backstage_py.model import yaml
from backstage_py.model.json import JsonObject
from backstage_py.scaffolder.run.spec import steps_with_defaults

OK, FAILED, COULD_NOT_RUN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asked for.

    Attributes:
        backstage: base URL of a Backstage backend, whose catalog and plugins the run uses.
        out: keep the workspace here.
        keep: leave the git host of the sandbox running until Ctrl-C.
        yes: ask nothing: what is not given has its default.
    """

    values: Sequence[str] = ()
    secrets: Sequence[str] = ()
    user: str = "user:default/guest"
    config: Sequence[Path] = ()
    trust: Trust | None = None
    backstage: str | None = None
    out: Path | None = None
    sandbox: bool = False
    yes: bool = False
    keep: bool = False


def run(path: Path, options: RunOptions, prompter: Prompter | None = None) -> int:
    """Run a template for real; return 0 done, 1 a step failed, 2 could not run.

    Args:
        path: the template's file or folder.
        options: see there.
        prompter: who answers; the terminal by default.
    """
    console = Console(highlight=False)
    try:
        output.check_folder(options.out)
        if options.backstage:
            check_address(options.backstage)
        _check_keep(options)
        local = template_file.loaded(path, options.config, options.trust)
        request = _request(local, options, None if options.yes else prompter or _terminal())
        if request is None:
            console.print("Nothing was run.")
            return OK
        outcome = asyncio.run(_run(local, request, options, console))
    except EOFError:  # Ctrl-D, as Ctrl-C
        raise KeyboardInterrupt from None
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    return FAILED if outcome.error else OK


def _check_keep(options: RunOptions) -> None:
    if options.keep and not options.sandbox:
        raise InputError("--keep is for --sandbox: there is no other host that could go on running")


def _request(local: LocalTemplate, options: RunOptions, prompter: Prompter | None) -> Request | None:
    """Return what to run with, None when the person decides against it."""
    values = given_values.read(options.values, form.texts(local.template.pages))
    secrets = given_values.read_secrets(options.secrets)
    if prompter is None:
        values = form.with_defaults(local.template.pages, values)
        if names := form_prompts.missing(local.template, values, secrets):
            raise form_prompts.refuse_to_ask(names, "With --yes nothing is asked" if options.yes else None)
    else:
        values, secrets = form_prompts.fill_in(local.template, values, secrets, prompter)
        prompter.section(f"Run {local.name} with", _shown(local, values))
        if not prompter.confirm("Run it?", default=True):
            return None
    if options.backstage and (token := os.environ.get(TOKEN_VARIABLE)):
        secrets = {"backstageToken": token, **secrets}
    return Request(form.with_masks(local.template.pages, values, secrets), secrets, options.user)


async def _run(local: LocalTemplate, request: Request, options: RunOptions, console: Console) -> Outcome:
    place = _place(local, options)
    composed = template_runs.opened(
        config=options.config,
        start=local.path,
        trust=options.trust,
        sandbox=options.sandbox,
        sandbox_root=place.sandbox if place else None,
        dry=False,
        backstage_url=options.backstage,
    )
    async with composed as scaffolder:
        with progress.display(console, steps_with_defaults(local.template.steps)) as shown:
            outcome = await scaffolder.run(local, request, shown.show)
        _tell(outcome, scaffolder, place, options, console)
        if options.keep and place:
            await _wait(scaffolder, console)
    return outcome


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run is kept: its workspace, and what the git host of the sandbox has, None without one."""

    workspace: Path
    sandbox: Path | None


def _place(local: LocalTemplate, options: RunOptions) -> _Place | None:
    """Return where the result is kept: as asked, or for the sandbox, which nobody sees else, in a folder of its own."""
    if options.out:
        out = options.out.absolute()
        return _Place(options.out, kept.emptied(out.with_name(f"{out.name}.sandbox")) if options.sandbox else None)
    if not options.sandbox:
        return None
    folder = Path(tempfile.mkdtemp(prefix=f"backstage-py-{re.sub(r'[^A-Za-z0-9.-]', '-', local.name)}-"))
    return _Place(folder / "workspace", folder / "sandbox")


def _tell(
    outcome: Outcome, scaffolder: LocalScaffolder, place: _Place | None, options: RunOptions, console: Console
) -> None:
    """Write what came of it, and where it is kept."""

    def line(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, soft_wrap=True)

    if place:
        trees.write(place.workspace, outcome.files)
    if outcome.output and not outcome.error:
        root = place.sandbox if place and not options.keep else None
        shown = kept.without_host(outcome.output, scaffolder.hosts, root) if root else outcome.output
        line(yaml.dump(shown).rstrip())
    if place and place.sandbox:
        for text in trees.lines(outcome.files):
            line(text)
        line(f"Kept in {place.workspace}")
        for name, folder in kept.repositories(place.sandbox):
            line(f"Repository {name}: git clone {folder.as_uri()}")
    if outcome.error:
        line(f"Failed: {outcome.error.message}", "bold red")


async def _wait(scaffolder: LocalScaffolder, console: Console) -> None:
    """Return when the person has seen enough."""
    where = ", ".join(f"http://{host}" for host in scaffolder.hosts if ":" in host)
    console.print(f"The git host stays at {where} until you press Ctrl-C.", markup=False, soft_wrap=True)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


def _shown(local: LocalTemplate, values: JsonObject) -> str:
    hidden = form_prompts.hidden(local.template)
    shown = {name: "********" if name in hidden else value for name, value in values.items()}
    return yaml.dump(shown).rstrip() if shown else "no values"


def _terminal() -> Prompter | None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    from backstage_py.cli.terminal.questions import TerminalPrompter

    return TerminalPrompter()
