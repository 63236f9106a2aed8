"""``backstage-py doctor``: tries from this machine what must hold between a service and a Backstage."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from backstage_py import logging
from backstage_py.cli.client import ApiClient
from backstage_py.cli.doctor import visit as visiting
from backstage_py.cli.doctor import ways
from backstage_py.cli.doctor.line import Line, Outcome
from backstage_py.cli.doctor.visit import Visit
from backstage_py.cli.formats import ResultFormat
from backstage_py.cli.local.known_actions import TOKEN_VARIABLE, check_address
from backstage_py.cli.loop import run_loop
from backstage_py.errors import BackstageError
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from backstage_py.settings import load
from backstage_py.settings.addresses import Addresses

OK, PROBLEMS = 0, 1


def run(files: Sequence[Path], backstage: str | None, format_: ResultFormat) -> int:
    """Write a line for each check; return 1 when one found a problem.

    Raises:
        SettingsError: the configuration is wrong. InputError: the address is no http(s) URL.
    """
    if backstage:
        check_address(backstage)
    logging.configure("error")
    lines = run_loop(_examined(files, backstage.rstrip("/") if backstage else None))
    if format_ is ResultFormat.JSON:
        sys.stdout.write(json.dumps({"checks": [asdict(one) for one in lines]}, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(map(_text, lines)))
        counts = (f"{sum(one.outcome is outcome for one in lines)} {outcome}" for outcome in Outcome)
        sys.stdout.write(f"{', '.join(counts)}\n")
    return PROBLEMS if any(one.outcome is Outcome.PROBLEM for one in lines) else OK


async def _examined(files: Sequence[Path], backstage: str | None) -> list[Line]:
    settings = load.load_settings(files, os.environ)
    addresses = Addresses.of(settings)
    if backstage is None and addresses.own != addresses.base_url:
        backstage = addresses.base_url
    targets = [addresses.plugin(plugin) for plugin in ("auth", "permission", "catalog", "scaffolder")]
    known = visiting.hosts(addresses.own, addresses.base_url, backstage, settings.app_base_url, *targets)
    async with HttpClient(listed_hosts(known)) as http:
        visit = Visit(http, settings, addresses, backstage)
        # a folder that somebody else filled must not learn the token by its app-config.yaml
        given = os.environ.get(TOKEN_VARIABLE) if files else None
        visit.token = given or await _guest(backstage or addresses.own)
        return await ways.examine(visit)


async def _guest(url: str) -> str | None:
    """Return the token of a guest, None where guests may not sign in."""
    try:
        async with ApiClient(url) as client:
            answer = await client.call("POST", "/api/auth/guest/refresh")
            return str(answer["backstageIdentity"]["token"])
    except (BackstageError, ValueError, LookupError, TypeError):
        return None


def _text(line: Line) -> str:
    advice = f"\n{'':36}-> {line.advice}" if line.advice else ""
    return f"{line.outcome:8} {line.way:10} {line.check:16} {line.text}{advice}\n"
