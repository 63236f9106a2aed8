"""Which checks the ways of use need, and their run."""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass

from backstage_py.cli.doctor import checks, theirs
from backstage_py.cli.doctor.line import Found, Line, Outcome, bad, well
from backstage_py.cli.doctor.visit import Visit
from backstage_py.errors import BackstageError

FRONTEND, CATALOG, SCAFFOLDER, ALONE = "frontend", "catalog", "scaffolder", "alone"
_ADVICE = "let this machine reach that address: DNS, firewall, proxy, certificate ('SSL_CERT_FILE' names authorities)"
_ENTITIES, _ACTIONS = "/api/catalog/entities", "/api/scaffolder/v2/actions"


@dataclass(frozen=True, slots=True)
class _Check:
    way: str
    name: str
    answer: Awaitable[Found]


def of(visit: Visit) -> tuple[str, ...]:
    """Return the ways in which the configuration uses the service."""
    serves, actions = visit.addresses.serves, visit.settings.scaffolder.actions_plugin
    if visit.backstage is None:
        return (ALONE,)
    found = []
    if serves("scaffolder"):
        found.append(FRONTEND if serves("catalog") else CATALOG)
    if serves(actions) and visit.addresses.discovery.target(actions):
        found.append(SCAFFOLDER)
    return tuple(found)


async def examine(visit: Visit) -> list[Line]:
    """Return what each check found; they run beside each other."""
    return await asyncio.gather(*(_line(one) for one in _checks(visit)))


def _checks(visit: Visit) -> Iterator[_Check]:
    ways, plugin = of(visit), visit.settings.scaffolder.actions_plugin
    yield _Check("all", "service", checks.reachable(visit))
    yield _Check("all", "health", checks.health(visit))
    if not visit.settings.backend.database_url.startswith("sqlite"):  # a file is there when the service is ready
        yield _Check("all", "database", checks.database(visit))
    if visit.backstage is None:
        yield _Check(ALONE, "token", checks.token(visit, _ACTIONS))
        return
    yield _Check("all", "discovery", _discovery(visit, ways))
    yield _Check("all", "backstage-keys", checks.backstage_keys(visit))
    if visit.settings.permission_enabled:
        yield _Check("all", "permissions", theirs.permissions(visit))
    for way in ways:
        if way == SCAFFOLDER:
            yield _Check(way, "own-keys", checks.own_keys(visit, plugin))
            yield _Check(way, "actions", checks.actions(visit, plugin))
            if not visit.addresses.serves("scaffolder"):
                yield _Check(way, "listing", theirs.listing(visit, plugin))
            continue
        yield _Check(way, "own-keys", checks.own_keys(visit, "scaffolder"))
        yield _Check(way, "token", checks.token(visit, _ACTIONS))
        yield _Check(way, "frontend", theirs.frontend(visit, "scaffolder"))
        if way == FRONTEND:
            yield _Check(way, "frontend-catalog", theirs.frontend(visit, "catalog"))
            yield _Check(way, "cors", checks.cors(visit, _ENTITIES))
        else:
            yield _Check(way, "cors", checks.cors(visit, _ACTIONS))
            yield _Check(way, "catalog", theirs.catalog(visit))


async def _discovery(visit: Visit, ways: tuple[str, ...]) -> Found:
    """Whether the configuration is about the Backstage that was given."""
    base = visit.addresses.base_url
    if base == visit.backstage:
        return well(f"{visit.service} serves by way of: {', '.join(ways)}")
    if base != visit.service:
        return bad(
            f"'backend.baseUrl' is {base}, and the Backstage given is {visit.backstage}",
            "give the app-config.yaml that both systems read; 'backend.baseUrl' stays Backstage's",
        )
    if any(one.jwks_url.startswith(f"{visit.backstage}/") for one in visit.settings.auth.issuers):
        return well("the configuration is the service's own and trusts the users of this Backstage")
    return bad(
        f"the configuration is the service's own and trusts no users of {visit.backstage}",
        "let both systems read one app-config.yaml (docs/operators/ways.md), or name it in 'auth.issuers'",
    )


async def _line(check: _Check) -> Line:
    try:
        return Line(check.way, check.name, *await check.answer)
    except BackstageError as error:
        return Line(check.way, check.name, Outcome.PROBLEM, error.message, _ADVICE)
