"""The command line: all commands with their options. Nothing heavy is imported before a command runs."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from backstage_py import __version__, extras
from backstage_py.cli import author, examples, operator, start
from backstage_py.cli.entry import main as main  # noqa: PLC0414  # where scripts of earlier installations look for it

_NARROW = 60


def _has_room() -> bool:
    """Whether help may be drawn as tables: on a terminal only, and not on one whose columns would cut the words."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns >= _NARROW


app = typer.Typer(
    name="backstage-py",
    help="Backstage's scaffolder and catalog as a Python service, and the tools of template authors.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if _has_room() else None,
    context_settings={"max_content_width": 120},
)

ConfigOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        help="An app-config.yaml; several are merged in order. Default: app-config[.local].yaml in this folder.",
    ),
]


def _version(wanted: bool) -> None:  # noqa: FBT001  # Typer calls it with the flag's value
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Interface to listen on, in place of backend.listen.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, in place of backend.listen; 0 takes a free one.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Processes that run tasks beside this one; 0 runs them in this one.")
    ] = 0,
) -> None:
    """Serve the scaffolder and the catalog."""
    raise typer.Exit(start.serve(config or [], host=host, port=port, workers=workers))


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to the tables of this version, then stop; a service does it at its start, too.

    Migrations only add, so replicas of the version before go on meanwhile. Two that migrate at once do it once.
    """
    extras.require("The command 'migrate'", "serve")
    from backstage_py.cli.commands import migrate as command

    raise typer.Exit(command.run(config or []))


@app.command(hidden=True)
def worker(config: ConfigOption = None) -> None:
    """Run tasks of a service that is started with --workers."""
    extras.require("The command 'worker'", "serve")
    start.import_sparingly()
    from backstage_py.cli.commands import worker as command

    raise typer.Exit(command.run(config or []))


@app.command(hidden=True)
def execute(
    folder: Annotated[Path, typer.Option(help="Where the workspace goes.")] = Path(),
) -> None:
    """Run steps in a pod that the Kubernetes executor has made."""
    from backstage_py.cli.commands import execute as command

    raise typer.Exit(command.run(folder.absolute()))


@app.command()
def mcp(
    url: Annotated[str, typer.Option(help="Base URL of the service, or of a Backstage backend.")],
) -> None:
    """Offer the scaffolder and the catalog to an agent over standard input and output.

    BACKSTAGE_TOKEN holds the user's token; without it, and where the service allows it, a guest is signed in.
    """
    extras.require("The command 'mcp'", "mcp")
    from backstage_py.cli.commands import mcp as command

    raise typer.Exit(command.run(url))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Folder for the demo's state; its former content is removed.")] = Path(
        ".backstage-py-demo"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the service; another one when taken.")] = 7007,
    name: Annotated[str, typer.Option(help="Name of the service to make.")] = "demo-service",
    team: Annotated[str, typer.Option(help="Team that owns it: payments, catalog, search or platform.")] = "payments",
    *,
    database: Annotated[bool, typer.Option("--database/--no-database", help="Ask for a database too.")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running until Ctrl-C.")] = False,
) -> None:
    """Run the golden path once: form, repository, catalog, database request. No account is needed."""
    extras.require("The command 'demo'", "serve")
    from rich.console import Console

    from backstage_py.cli.commands import demo as command

    values = {"name": name, "team": team, "database": database}
    raise typer.Exit(command.run(command.DemoOptions(folder.absolute(), port, keep, values), Console()))


author.register(app)
operator.register(app)
examples.attach(app)
