"""``backstage-py run``: asks for the form in the terminal, then runs the template for real, with its steps live."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from backstage_py.cli.local import form, given_values, template_file, template_runs
from backstage_py.cli.local.known_actions import TOKEN_VARIABLE, check_address
from backstage_py.cli.local.template_file import LocalTemplate
from backstage_py.cli.local.template_runs import Outcome, Request
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
        yes: do not ask whether to begin.
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
        local = template_file.load(path)
        request = _request(local, options, prompter or _terminal())
        if request is None:
            console.print("Nothing was run.")
            return OK
        outcome = asyncio.run(_run(local, request, options, console))
        if options.out:
            trees.write(options.out, outcome.files)
    except EOFError:  # Ctrl-D, as Ctrl-C
        raise KeyboardInterrupt from None
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    if outcome.error:
        console.print(f"Failed: {outcome.error.message}", style="bold red", markup=False, soft_wrap=True)
        return FAILED
    if outcome.output:
        console.print(yaml.dump(outcome.output).rstrip(), markup=False, soft_wrap=True)
    return OK


def _request(local: LocalTemplate, options: RunOptions, prompter: Prompter | None) -> Request | None:
    """Return what to run with, None when the person decides against it."""
    values = given_values.read(options.values)
    secrets = {name: str(value) for name, value in given_values.read(options.secrets).items()}
    if prompter is None:
        values = form.with_defaults(local.template.pages, values)
        if names := form_prompts.missing(local.template, values, secrets):
            raise form_prompts.refuse_without_terminal(names)
    else:
        values, secrets = form_prompts.fill_in(local.template, values, secrets, prompter)
        if not options.yes:
            prompter.section(f"Run {local.name} with", _shown(local, values))
            if not prompter.confirm("Run it?", default=True):
                return None
    if options.backstage and (token := os.environ.get(TOKEN_VARIABLE)):
        secrets = {"backstageToken": token, **secrets}
    return Request(form.with_masks(local.template.pages, values, secrets), secrets, options.user)


async def _run(local: LocalTemplate, request: Request, options: RunOptions, console: Console) -> Outcome:
    composed = template_runs.opened(
        config=options.config,
        start=local.path,
        trust=options.trust,
        sandbox=options.sandbox,
        dry=False,
        backstage_url=options.backstage,
    )
    async with composed as scaffolder:
        with progress.display(console, steps_with_defaults(local.template.steps)) as shown:
            return await scaffolder.run(local, request, shown.show)


def _shown(local: LocalTemplate, values: JsonObject) -> str:
    hidden = form_prompts.hidden(local.template)
    shown = {name: "********" if name in hidden else value for name, value in values.items()}
    return yaml.dump(shown).rstrip() if shown else "no values"


def _terminal() -> Prompter | None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    from backstage_py.cli.terminal.questions import TerminalPrompter

    return TerminalPrompter()
