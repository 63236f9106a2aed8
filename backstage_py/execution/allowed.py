"""What a handler may ask the service for: the methods of the protocols in ``plugin.services``, and nothing else."""

import inspect
from collections.abc import Mapping
from functools import cache

from backstage_py.plugin.services import BackstageClient, CatalogClient, RemoteActions, ScmIntegrations, UrlReader

SERVICES: Mapping[str, type] = {
    "url_reader": UrlReader,
    "catalog": CatalogClient,
    "integrations": ScmIntegrations,
    "backstage": BackstageClient,
    "remote_actions": RemoteActions,
}
"""By their names in ``Services``."""
OWN_TOKEN, RUN = "own_token", "run"
"""The service that is a function; and how an action that ``remote_actions`` gave is run: ``(id, input, token)``."""


@cache
def methods(service: str) -> Mapping[str, bool]:
    """Return the methods of a service, and whether each is ``async def``."""
    if service == OWN_TOKEN:
        return {OWN_TOKEN: False}
    protocol = SERVICES.get(service)
    if protocol is None:
        return {}
    found = {
        name: inspect.iscoroutinefunction(member)
        for name, member in vars(protocol).items()
        if not name.startswith("_") and callable(member)
    }
    return found | ({RUN: True} if protocol is RemoteActions else {})


@cache
def signature(service: str, method: str) -> inspect.Signature | None:
    """Return the parameters of a method without ``self``; None where they are as ``RUN`` and ``OWN_TOKEN`` say."""
    protocol = SERVICES.get(service)
    member = getattr(protocol, method, None) if protocol else None
    if member is None:
        return None
    found = inspect.signature(member)
    return found.replace(parameters=list(found.parameters.values())[1:])
