"""An example or two for each command, shown at the end of its ``--help``; a test compares them with the options."""

from collections.abc import Mapping, Sequence

import typer

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "serve": ("backstage-py serve", "backstage-py serve -c app-config.yaml -c app-config.production.yaml"),
    "migrate": ("backstage-py migrate -c app-config.yaml -c app-config.production.yaml",),
    "demo": ("backstage-py demo", "backstage-py demo --name shop --team payments --keep"),
    "config check": (
        "backstage-py config check",
        "backstage-py config check -c app-config.yaml -c app-config.production.yaml --strict",
        "backstage-py config check --format json",
    ),
    "config show": ("backstage-py config show", "backstage-py config show backend.database"),
    "config schema": ("backstage-py config schema > app-config.schema.json",),
    "doctor": (
        "backstage-py doctor -c app-config.yaml",
        "BACKSTAGE_TOKEN=... backstage-py doctor --backstage https://backstage.example.com -c app-config.yaml",
        "backstage-py doctor -c app-config.yaml --format json",
    ),
    "report": (
        "backstage-py report --url https://backstage.example.com",
        "backstage-py report --from 2026-01-01 --to 2026-04-01 --team payments",
        "backstage-py report --format html --output report.html",
    ),
    "executor status": (
        "backstage-py executor status -c app-config.yaml",
        "backstage-py executor status --format json | jq .counts",
    ),
    "mcp": ("backstage-py mcp --url http://localhost:7007",),
    "validate": (
        "backstage-py validate",
        "backstage-py validate templates/ --format sarif --output problems.sarif",
        "backstage-py validate --actions-from https://backstage.example.com --strict",
        "backstage-py validate --format json | jq '.problems[].code'",
        "backstage-py validate --explain BPY405",
    ),
    "dry-run": (
        "backstage-py dry-run template.yaml --values name=shop --diff",
        "backstage-py dry-run . --values values.yaml --out result --sandbox",
        "backstage-py dry-run . --values values.yaml --format json > outcome.json",
    ),
    "test": (
        "backstage-py test",
        "backstage-py test templates/ --only database --junit report.xml",
        "backstage-py test --format json | jq '.cases[] | select(.passed | not)'",
    ),
    "actions": (
        "backstage-py actions",
        "backstage-py actions fetch:template",
        "backstage-py actions --markdown",
        "backstage-py actions fetch:template --format json",
    ),
    "filters": (
        "backstage-py filters",
        "backstage-py filters parseRepoUrl",
        "backstage-py filters --format json",
    ),
    "schema": ("backstage-py schema --output .vscode/template.schema.json",),
    "new": (
        "backstage-py new template web-shop",
        "backstage-py new action acme-greet --values action=acme:greet",
        "backstage-py new golden-path platform --out platform-templates",
    ),
    "run": (
        "backstage-py run template.yaml",
        "backstage-py run . --values name=shop --sandbox --yes",
        "BACKSTAGE_TOKEN=... backstage-py run . --backstage http://localhost:7007",
    ),
    "dev": ("backstage-py dev templates/", "backstage-py dev --no-serve"),
    "lsp": ("backstage-py lsp",),
    "trust": ("backstage-py trust", "backstage-py trust templates/ --yes", "backstage-py trust --revoke"),
}
"""By the command's name."""


def attach(app: typer.Typer, group: str = "") -> None:
    """Give each command of the app its examples; ``group`` stands before the names of a group's."""
    for command in app.registered_commands:
        name = group + (command.name or (command.callback.__name__ if command.callback else ""))
        if lines := EXAMPLES.get(name):
            command.epilog = _epilog(lines, tables=app.rich_markup_mode == "rich")


def _epilog(lines: Sequence[str], *, tables: bool) -> str:
    """Return the examples so that the help's renderer keeps their lines: by blank lines, or marked as not to wrap."""
    if tables:
        return "\n\n".join(("Examples:", *(f"$ {line}" for line in lines)))
    return "\b\n" + "\n".join(("Examples:", *(f"  $ {line}" for line in lines)))
