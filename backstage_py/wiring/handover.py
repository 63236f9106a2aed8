"""What the service tells the worker processes beside it and they cannot find in the configuration.

Ports that were free at the start, a database that lives as long as the service, and the git hosts that stand in for
others. It travels in a variable of the environment: it may hold a token, so it is no argument.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace

from backstage_py.metrics import collecting
from backstage_py.model import json
from backstage_py.model.scm import ScmIntegration
from backstage_py.settings.sections import Settings
from backstage_py.wiring.stand_in import StandIn

_VARIABLE = "BACKSTAGE_PY_HANDED_ON"


def environment(settings: Settings, stand_ins: Sequence[StandIn], metrics: str | None = None) -> Mapping[str, str]:
    """Return the variables for a worker process; the plugins of stand-ins stay here, and workers find them by HTTP.

    Args:
        settings: of the service.
        stand_ins: of the service.
        metrics: the folder into which workers count; None when they do not.
    """
    handed_on = {
        "baseUrl": settings.backend.base_url,
        "databaseUrl": settings.backend.database_url,
        "metrics": metrics,
        "hosts": [asdict(host) for one in stand_ins for host in one.hosts],
    }
    return {_VARIABLE: json.text(handed_on)}


def taken(settings: Settings, env: Mapping[str, str]) -> tuple[Settings, Sequence[StandIn]]:
    """Return the settings and stand-ins of a worker process, as the service handed them on."""
    handed_on = json.parse(env[_VARIABLE])
    backend = replace(settings.backend, base_url=handed_on["baseUrl"], database_url=handed_on["databaseUrl"])
    hosts = tuple(ScmIntegration(**host) for host in handed_on["hosts"])
    return replace(settings, backend=backend), [StandIn(hosts=hosts)]


@contextmanager
def counted(env: Mapping[str, str]) -> Iterator[None]:
    """Let the service see what this worker counts until the block is left."""
    if (folder := json.parse(env[_VARIABLE])["metrics"]) is None:
        yield
        return
    with collecting.collected_in(folder):
        yield
