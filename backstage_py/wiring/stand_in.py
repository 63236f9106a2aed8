"""What takes the place of foreign systems, for development and tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backstage_py.integrations.web.http import Listed
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.services import CatalogClient, UrlReader

if TYPE_CHECKING:
    from starlette.routing import BaseRoute


@dataclass(frozen=True, slots=True)
class StandIn:
    """Something that runs already.

    Attributes:
        hosts: git hosts; they come before the configured ones of the same name.
        plugins: routes by the id of a Backstage plugin. The service mounts them; a run without a server calls them
            in its own process.
        catalog: makes the catalog of a run without a server.
        listed: further hosts that may have private addresses.
    """

    hosts: Sequence[ScmIntegration] = ()
    plugins: "Mapping[str, Sequence[BaseRoute]]" = field(default_factory=dict)
    catalog: Callable[[UrlReader], CatalogClient] | None = None
    listed: Listed = lambda _host, _port: False
