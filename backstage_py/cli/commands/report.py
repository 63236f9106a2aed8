"""``backstage-py report``: what the platform does for its teams, asked of a running service."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

from backstage_py import logging
from backstage_py.cli.client import ApiClient
from backstage_py.cli.formats import ReportFormat
from backstage_py.cli.local.known_actions import TOKEN_VARIABLE, check_address
from backstage_py.cli.loop import run_loop
from backstage_py.cli.terminal import output
from backstage_py.errors import BackstageError, InputError
from backstage_py.model.json import JsonObject
from backstage_py.settings import load
from backstage_py.settings.addresses import Addresses

_PATH = "/api/backstage-py/v1/metrics/platform"
_WIDE = 160


def run(
    files: Sequence[Path], url: str | None, query: Mapping[str, str | None], format_: ReportFormat, file: Path | None
) -> int:
    """Write the report.

    Raises:
        InputError: the address is none, or the file cannot be written.
        BackstageError: the service refuses, or nobody answers.
    """
    if url:
        check_address(url)
    output.check_file(file)
    logging.configure("error")
    asked = {name: value for name, value in query.items() if value}
    # a folder that somebody else filled must not learn the token by its app-config.yaml
    token = os.environ.get(TOKEN_VARIABLE) if url or files else None
    report = run_loop(_asked(url or Addresses.of(load.load_settings(files, os.environ)).own, token, asked))
    if format_ is ReportFormat.TEXT and file is None:
        _show(report)
        return 0
    text = _text(report, format_)
    if file:
        output.write_file(file, text)
    else:
        sys.stdout.write(text)
    return 0


async def _asked(url: str, token: str | None, query: Mapping[str, str]) -> JsonObject:
    async with ApiClient(url, token) as client:
        if token is None:
            try:
                await client.sign_in_as_guest()
            except BackstageError as error:
                raise InputError(
                    f"A guest may not sign in at {url} ({error.message}); give a token in {TOKEN_VARIABLE}, with --url "
                    "or --config"
                ) from error
        found: JsonObject = await client.call("GET", f"{_PATH}?{urlencode(query)}" if query else _PATH)
        return found


def _show(report: JsonObject) -> None:
    from rich.console import Console

    from backstage_py.cli.platform_report import text

    console = Console()
    text.show(report, console if console.is_terminal else Console(width=_WIDE))


def _text(report: JsonObject, format_: ReportFormat) -> str:
    match format_:
        case ReportFormat.JSON:
            return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        case ReportFormat.HTML:
            from backstage_py.cli.platform_report import page

            return page.html(report)
    from io import StringIO

    from rich.console import Console

    from backstage_py.cli.platform_report import text

    written = StringIO()
    text.show(report, Console(file=written, width=_WIDE))
    return written.getvalue()
