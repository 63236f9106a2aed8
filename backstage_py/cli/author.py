"""The commands of template authors as the command line knows them; what they do is in a module each, imported late."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backstage_py import extras
from backstage_py.cli import completion
from backstage_py.cli.formats import Format, ResultFormat
from backstage_py.errors import InputError

if TYPE_CHECKING:
    from backstage_py.cli.local.trust import Trust

FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How problems are written.")]
ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", metavar="FILE", help="An app-config.yaml, for integrations; may be repeated."),
]
ValuesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--values", "-v", metavar="FILE|NAME=VALUE", help="Values of the form; may be repeated, later ones win."
    ),
]
SecretsOption = Annotated[
    list[str] | None, typer.Option("--secrets", metavar="FILE|NAME=VALUE", help="Secrets; may be repeated.")
]
UserOption = Annotated[str, typer.Option(help="Entity reference of who runs it.")]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="As Markdown, for a site.")]
ResultOption = Annotated[ResultFormat, typer.Option("--format", "-f", help="How the outcome is written.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
TemplateArgument = Annotated[Path, typer.Argument(metavar="TEMPLATE", help="The template's file or folder.")]
ActionsFromOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Base URL of a Backstage backend whose actions are known too (cached for an hour; BACKSTAGE_TOKEN).",
    ),
]

TrustOption = Annotated[
    bool,
    typer.Option("--trust", help="Let this project's files run code and name hosts, this time; see the command trust."),
]


def register(app: typer.Typer) -> None:
    """Add the author's commands."""
    app.command()(validate)
    app.command(name="dry-run")(dry_run)
    app.command(name="test")(run_tests)
    app.command()(actions)
    app.command()(filters)
    app.command()(schema)
    app.command()(new)
    app.command()(run)
    app.command()(dev)
    app.command(name="dev-page", hidden=True)(dev_page)
    app.command()(lsp)
    app.command()(trust)


def _is_json(format_: ResultFormat, *, json: bool) -> bool:
    return json or format_ == ResultFormat.JSON


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...", help="Files or folders; - is standard input. Default: this folder.", show_default=False
        ),
    ] = None,
    format_: FormatOption = Format.TEXT,
    actions_from: ActionsFromOption = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Glob of paths to leave out; may be repeated.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")] = None,
    explain: Annotated[
        str | None, typer.Option(metavar="CODE", help="Explain a rule and stop.", autocompletion=completion.rules)
    ] = None,
    stdin_file: Annotated[str, typer.Option(help="How the text of - is named.")] = "template.yaml",
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended, then check; of -, write the mended text.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Only show what --fix would change, as a diff.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules and stop.")] = False,
    trust: TrustOption = False,
) -> None:
    """Find mistakes in templates, catalog files and skeletons; nothing is sent anywhere.

    Exit status: 0 no errors, 1 errors found (with --diff: something to fix), 2 could not run.
    """
    from backstage_py.cli.commands import validate as command

    if rules:
        raise typer.Exit(command.rules(format_))
    if explain:
        raise typer.Exit(command.explain(explain))
    options = command.ValidateOptions(
        format_, actions_from, _trust(everything=trust), tuple(exclude or ()), output, strict, stdin_file, fix, diff
    )
    raise typer.Exit(command.run(paths or [], options))


def dry_run(
    template: TemplateArgument,
    values: ValuesOption = None,
    secrets: SecretsOption = None,
    user: UserOption = "user:default/guest",
    out: Annotated[Path | None, typer.Option(help="Keep the tree in this folder.")] = None,
    against: Annotated[Path | None, typer.Option(help="Show what differs from this folder.")] = None,
    config: ConfigOption = None,
    entities: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Entities for catalog:fetch; may be repeated.")
    ] = None,
    mocks: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="What actions do instead; may be repeated.")
    ] = None,
    format_: ResultOption = ResultFormat.TEXT,
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Really run, against a git host on this machine.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the contents as a diff.")] = False,
    json: JsonOption = False,
    no_defaults: Annotated[bool, typer.Option("--no-defaults", help="Do not fill in the form's defaults.")] = False,
    trust: TrustOption = False,
) -> None:
    """Try a template: steps, logs, outputs and the tree that it would write, without any effect outside.

    Exit status: 0 done, 1 a step failed, 2 could not run.
    """
    from backstage_py.cli.commands import dry_run as command

    options = command.DryRunOptions(
        values=values or (),
        secrets=secrets or (),
        user=user,
        out=out,
        against=against,
        config=config or (),
        trust=_trust(everything=trust),
        sandbox=sandbox,
        diff=diff,
        as_json=_is_json(format_, json=json),
        defaults=not no_defaults,
        entities=entities or (),
        mocks=mocks or (),
    )
    raise typer.Exit(command.run(template, options))


def run_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Test files, or folders with *.test.yaml below. Default: this folder.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[str | None, typer.Option("--only", "-k", help="Run the cases whose name contains this.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report to this file.")] = None,
    parallel: Annotated[int, typer.Option("--parallel", "-n", min=1, help="How many cases run at once.")] = 2,
    keep: Annotated[Path | None, typer.Option(help="Write the tree of each case below this folder.")] = None,
    config: ConfigOption = None,
    format_: ResultOption = ResultFormat.TEXT,
    *,
    update: Annotated[bool, typer.Option("--update", help="Write golden trees instead of comparing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever a file changes, until Ctrl-C.")] = False,
    trust: TrustOption = False,
) -> None:
    """Run the test cases beside templates.

    Exit status: 0 all as expected, 1 not, 2 could not run.
    """
    from backstage_py.cli.commands import test as command

    as_json = format_ == ResultFormat.JSON
    if watch and as_json:
        raise typer.BadParameter("--watch has no end, so that it writes no JSON; leave one of the two out")
    trusted = _trust(everything=trust)
    options = command.TestOptions(update, only, parallel, junit, keep, config or (), trusted, as_json)
    raise typer.Exit(command.watch(paths or [], options) if watch else command.run(paths or [], options))


def actions(
    action: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Show this one.", show_default=False, autocompletion=completion.actions),
    ] = None,
    actions_from: ActionsFromOption = None,
    format_: ResultOption = ResultFormat.TEXT,
    *,
    markdown: MarkdownOption = False,
    json: JsonOption = False,
    trust: TrustOption = False,
) -> None:
    """List the known actions, or document one: inputs, outputs, examples."""
    from backstage_py.cli.commands import actions as command

    raise typer.Exit(
        command.run_actions(
            action,
            markdown=markdown,
            as_json=_is_json(format_, json=json),
            source=actions_from,
            trust=_trust(everything=trust),
        )
    )


def filters(
    name: Annotated[
        str | None, typer.Argument(help="Show this one.", show_default=False, autocompletion=completion.filters)
    ] = None,
    format_: ResultOption = ResultFormat.TEXT,
    *,
    markdown: MarkdownOption = False,
    json: JsonOption = False,
    trust: TrustOption = False,
) -> None:
    """List the filters of expressions, or document one."""
    from backstage_py.cli.commands import actions as command

    raise typer.Exit(
        command.run_filters(
            name, markdown=markdown, as_json=_is_json(format_, json=json), trust=_trust(everything=trust)
        )
    )


def schema(
    kind: Annotated[
        str, typer.Argument(help="template, tests, mocks, config or all.", autocompletion=completion.schemas)
    ] = "template",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file; for all, a folder.")] = None,
    actions_from: ActionsFromOption = None,
    *,
    trust: TrustOption = False,
) -> None:
    """Write the JSON Schema with which editors complete and check templates, or one of authors' other files."""
    from backstage_py.cli.commands import schema as command

    raise typer.Exit(command.run(kind, output, actions_from, _trust(everything=trust)))


def new(
    kind: Annotated[str, typer.Argument(help="template, action or golden-path.", autocompletion=completion.kinds)],
    name: Annotated[str, typer.Argument(help="Its name; also the folder, unless --out is given.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to.")] = None,
    values: ValuesOption = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
) -> None:
    """Start a template, an action package or a repository with a golden path."""
    from backstage_py.cli.commands import new as command

    raise typer.Exit(command.run(kind, name, out=out, values=values or [], force=force))


def run(
    template: TemplateArgument,
    values: ValuesOption = None,
    secrets: SecretsOption = None,
    user: UserOption = "user:default/guest",
    config: ConfigOption = None,
    backstage: Annotated[
        str | None, typer.Option(help="Base URL of a Backstage backend to use (token in BACKSTAGE_TOKEN).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Keep the workspace in this folder.")] = None,
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Against a git host on this machine.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the git host running until Ctrl-C.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; defaults are taken.")] = False,
    trust: TrustOption = False,
) -> None:
    """Ask for a template's form in the terminal, then run it for real.

    Exit status: 0 done, 1 a step failed, 2 could not run.
    """
    from backstage_py.cli.commands import run as command

    options = command.RunOptions(
        values or (), secrets or (), user, config or (), _trust(everything=trust), backstage, out, sandbox, yes, keep
    )
    raise typer.Exit(command.run(template, options))


def dev(
    path: Annotated[Path, typer.Argument(help="The folder to watch.")] = Path(),
    config: ConfigOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one.")] = 7007,
    *,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Only validate and test, without the API.")] = False,
    trust: TrustOption = False,
) -> None:
    """Validate and test whenever a file changes, and serve a page to try templates on, and the API.

    The page is at http://127.0.0.1:7007; a git host on this machine takes GitHub's place.
    """
    extras.require("The command 'dev'", "serve")
    from backstage_py.cli.commands import dev as command

    raise typer.Exit(command.run(path, config or [], port=port, serves=not no_serve, trust=_trust(everything=trust)))


def dev_page(
    path: Path,
    own: Annotated[Path, typer.Option(help="The app-config that the command made.")],
    config: ConfigOption = None,
    *,
    trust: TrustOption = False,
) -> None:
    """Serve the page and the API of the command dev."""
    from backstage_py.cli.commands import dev as command

    raise typer.Exit(command.serve_page(path, own, config or [], _trust(everything=trust)))


def lsp(*, trust: TrustOption = False) -> None:
    """Serve editors over the language server protocol on standard input and output."""
    from backstage_py.cli.commands import lsp as command

    raise typer.Exit(command.run(_trust(everything=trust)))


def trust(
    path: Annotated[Path, typer.Argument(help="The project: a folder or a file in it.")] = Path(),
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Trust it no more.")] = False,
) -> None:
    """Show what a project's files would have commands do, and allow it until it changes.

    That is: Python files of actions, commands of test cases, an app-config, a Backstage to ask. What was shown is
    remembered in ~/.config/backstage-py. BACKSTAGE_PY_TRUST names folders whose projects are always trusted.
    """
    from backstage_py.cli.commands import trust as command

    raise typer.Exit(command.run(path, yes=yes, revoke=revoke))


def _trust(*, everything: bool) -> "Trust":
    import os

    from backstage_py.cli.local.trust import Trust

    try:
        return Trust.of(os.environ, everything=everything)
    except InputError as error:
        typer.echo(f"backstage-py: {error.message}", err=True)
        raise typer.Exit(2) from error
