"""Machines of an inventory in the catalog: a kind, a provider that reads them from a file, and links to runbooks."""

from collections.abc import Sequence
from pathlib import Path

from backstage_py.plugin import Services
from machine_park.kinds import MACHINE
from machine_park.processor import Runbooks
from machine_park.provider import MachinePark

_RUNBOOKS = "https://runbooks.example"


def catalog_plugins(services: Services) -> Sequence[object]:
    """Return what this package brings; without ``catalog.providers.machinePark`` there is nothing to provide."""
    providers = (services.config or {}).get("catalog", {}).get("providers", {})
    park = providers.get("machinePark")
    provided = [MachinePark(Path(park["file"]), float(park.get("seconds", 60)))] if park else []
    return [MACHINE, Runbooks(_RUNBOOKS), *provided]
