"""The commands of operators as the command line knows them; what they do is in a module each, imported late."""

from pathlib import Path
from typing import Annotated

import typer

from backstage_py import extras
from backstage_py.cli import examples
from backstage_py.cli.formats import ReportFormat, ResultFormat

_ConfigOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        help="An app-config.yaml; several are merged in order. Default: app-config[.local].yaml in this folder.",
    ),
]
_FormatOption = Annotated[ResultFormat, typer.Option("--format", "-f", help="How the outcome is written.")]


def register(app: typer.Typer) -> None:
    """Add the operator's commands."""
    config = typer.Typer(
        name="config",
        help="Say what becomes of an app-config.yaml here.",
        no_args_is_help=True,
        rich_markup_mode=app.rich_markup_mode,
    )
    config.command(name="check")(check)
    config.command(name="show")(show)
    config.command(name="schema")(schema)
    examples.attach(config, "config ")
    app.add_typer(config)
    app.command(name="doctor")(doctor)
    app.command(name="report")(report)
    executor = typer.Typer(
        name="executor",
        help="Look at the steps that run elsewhere.",
        no_args_is_help=True,
        rich_markup_mode=app.rich_markup_mode,
    )
    executor.command(name="status")(status)
    examples.attach(executor, "executor ")
    app.add_typer(executor)


def check(
    config: _ConfigOption = None,
    format_: _FormatOption = ResultFormat.TEXT,
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail also on keys that are ignored, unknown or without their variable.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="List the keys that are read, too.")] = False,
) -> None:
    """Say of every key whether it is read, ignored, another program's, unknown or wrong, and why.

    Nothing is started and nobody is asked. Ends with 1 when something is wrong.
    """
    from backstage_py.cli.commands import config as command

    raise typer.Exit(command.check_(config or [], format_, strict=strict, every=every))


def status(config: _ConfigOption = None, format_: _FormatOption = ResultFormat.TEXT) -> None:
    """Say which steps are in the cluster, in which state, and why one waits or has failed.

    The cluster alone is asked, with the credentials of the configuration.
    """
    extras.require("The command 'executor status'", "kubernetes")
    from backstage_py.cli.commands import executor as command

    raise typer.Exit(command.status_(config or [], format_))


def show(
    prefix: Annotated[str | None, typer.Argument(help="Only keys that begin with this, such as backend.")] = None,
    config: _ConfigOption = None,
    format_: _FormatOption = ResultFormat.TEXT,
) -> None:
    """Write the settings that are in force, each with its file and line, variable, or default; secrets are masked."""
    from backstage_py.cli.commands import config as command

    raise typer.Exit(command.show_(config or [], format_, prefix))


def schema() -> None:
    """Write the JSON Schema of the keys that are read."""
    from backstage_py.cli.commands import config as command

    raise typer.Exit(command.schema_())


def doctor(
    backstage: Annotated[
        str | None,
        typer.Option("--backstage", help="Base URL of the other Backstage's backend. Default: backend.baseUrl."),
    ] = None,
    config: _ConfigOption = None,
    format_: _FormatOption = ResultFormat.TEXT,
) -> None:
    """Try from this machine what must hold between a running service and a Backstage, and say what to do.

    Nothing is changed. BACKSTAGE_TOKEN holds a user's token; it is sent only where files given with --config say, and
    without it a guest is signed in where Backstage allows that. Ends with 1 when something is wrong.
    """
    extras.require("The command 'doctor'", "serve")
    from backstage_py.cli.commands import doctor as command

    raise typer.Exit(command.run(config or [], backstage, format_))


def report(
    url: Annotated[
        str | None, typer.Option("--url", help="Base URL of the service. Default: of the configuration.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="First day or moment. Default: 90 days before the end.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Day or moment before which it ends. Default: now.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Only what is this team's.")] = None,
    template: Annotated[str | None, typer.Option("--template", help="Only what this template made.")] = None,
    format_: Annotated[ReportFormat, typer.Option("--format", "-f", help="How it is written.")] = ReportFormat.TEXT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file to write to.")] = None,
    config: _ConfigOption = None,
) -> None:
    """Report what the platform does for its teams: first deployments, golden paths, DORA's five; per team and month.

    Asks a running service. BACKSTAGE_TOKEN holds a token; it is sent only to --url or where files given with --config
    say, and without it a guest is signed in where that is allowed. HTML is one file with its charts.
    """
    extras.require("The command 'report'", "serve")
    from backstage_py.cli.commands import report as command

    query = {"from": from_, "to": to, "team": team, "template": template}
    raise typer.Exit(command.run(config or [], url, query, format_, output))
