"""Pages that are made of the code."""

import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby

import typer
import yaml

from backstage_py import errors
from backstage_py.cli.main import app
from tests.site import links

SDK = ("backstage_py.plugin", "backstage_py.plugin.catalog", "backstage_py.plugin.http", "backstage_py.testing")
_METHODS = ("get", "post", "put", "patch", "delete")


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and text of each."""
    yield "reference/actions.md", _said("actions", "--markdown")
    yield "reference/filters.md", _said("filters", "--markdown")
    yield "reference/cli.md", "\n".join(_commands())
    yield "reference/errors.md", "\n".join(_errors())
    yield "reference/sdk.md", "\n".join(_sdk())
    yield "reference/http.md", "\n".join(_http())
    yield "llms.txt", "\n".join(_llms())


def _said(*command: str) -> str:
    """Return what a command prints, run where there is no project of its own."""
    run = [sys.executable, "-m", "backstage_py.cli", *command]
    return subprocess.run(run, cwd=links.ROOT / "tests/site", capture_output=True, text=True, check=True).stdout


def _commands() -> Iterator[str]:
    yield "# Command line\n"
    yield "Each command says the same with `--help`.\n"
    found: dict[str, typer.core.TyperCommand] = getattr(typer.main.get_command(app), "commands", {})
    for name in sorted(name for name, command in found.items() if not command.hidden):
        yield f"## backstage-py {name}\n\n```text\n{_said(name, '--help').rstrip()}\n```\n"


def _errors() -> Iterator[str]:
    drawn = (errors.__doc__ or "").split("::", 1)[1].split("\n\nThe names", 1)[0].strip("\n")
    yield "# Errors\n"
    yield 'Errors have Backstage\'s names and shape: `{"error": {"name", "message", "cause"}}`.\n'
    yield f"```text\n{drawn}\n```\n"


def _sdk() -> Iterator[str]:
    yield "# The SDK's reference\n"
    for module in SDK:
        yield f"## {module}\n\n::: {module}\n"


def _http() -> Iterator[str]:
    yield "# HTTP API\n"
    yield "What the service answers, by its OpenAPI documents, which are at `/api/<title>/openapi.json`. Those of the"
    yield "catalog and the scaffolder are Backstage's; requests are checked against them. All else is in the third.\n"
    for file in sorted((links.ROOT / "schemas/openapi").glob("*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))
        yield f"## {document['info']['title']}\n\n| method | path | what |\n|---|---|---|"
        for path, operations in document["paths"].items():
            for method in _METHODS:
                if operation := operations.get(method):
                    what = " ".join(str(operation.get("summary") or operation.get("description") or "").split())
                    yield f"| {method.upper()} | `{path}` | {html.escape(what.split('. ')[0])} |"
        yield ""


def navigation() -> Iterator[tuple[str, str]]:
    """Yield each listed page and the section that lists it."""
    text = re.sub(r"!!python/name:\S+", "", (links.ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    for section in yaml.safe_load(text)["nav"]:
        if isinstance(section, str):
            yield section, ""
            continue
        for title, listed in section.items():
            yield from ((path, title) for page in listed for path in page.values())


def _llms() -> Iterator[str]:
    """The site as a list for language models, after https://llmstxt.org."""
    yield "# backstage-py\n"
    yield "> Backstage's scaffolder and catalog as a Python service, with a template linter and an action SDK."
    for title, pages in groupby(navigation(), key=lambda one: one[1]):
        if title:
            yield f"\n## {title}\n"
        yield from (f"- [{path}]({path})" for path, _ in pages)
