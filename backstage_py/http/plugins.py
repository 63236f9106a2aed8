"""The plugins of Backstage that this service has, each as the routes below its path and what Backstage asks of it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from backstage_py import bundled
from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.catalog.sources import deliveries
from backstage_py.catalog.sources.deliveries import Ingress
from backstage_py.http import auth, permission, platform_metrics, plugin_mount, scaffolder_actions, template_actions
from backstage_py.http import catalog as catalog_face
from backstage_py.http import events as events_face
from backstage_py.http import scaffolder as scaffolder_face
from backstage_py.http.plugin_mount import Plugin
from backstage_py.http.template_actions import TemplateActions
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.guest import GuestSignIn
from backstage_py.model.json import JsonObject
from backstage_py.permissions import conditions, names
from backstage_py.permissions.mode import Mode
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.storage.catalog.events import EventStore
from backstage_py.wiring.process import Process
from backstage_py.wiring.stand_in import StandIn

if TYPE_CHECKING:
    from backstage_py.provisioning.authorized import AuthorizedProvisioner


def ids(core: Process, stand_ins: Sequence[StandIn]) -> frozenset[str]:
    """Return the plugins that requests and tokens may name; this service need not serve all of them."""
    offered = {names.CROSSPLANE} if core.provisioner else set()
    return frozenset({"auth", "permission", "scaffolder", "catalog", "events", platform_metrics.PLUGIN}).union(
        offered, *(one.plugins for one in stand_ins)
    )


def of(core: Process, stand_ins: Sequence[StandIn], authenticator: Authenticator) -> Iterator[Plugin]:
    """Yield what is served."""
    yield _auth(core, authenticator)
    yield _scaffolder(core)
    yield from _own(core)
    if core.permissions.mode is not Mode.BACKEND:
        yield Plugin("permission", permission.routes(), _keys(core), open_paths=re.compile("/health$"))
    if core.provisioner:
        yield _crossplane(core, core.provisioner)
    if core.catalog:
        yield _catalog(core, core.catalog)
    ingresses = deliveries.of(core.settings.events, core.settings.integrations)
    if core.catalog or ingresses:
        yield _events(core, ingresses)
    yield from _stand_ins(core, stand_ins)


def _catalog(core: Process, catalog: AuthorizedCatalog) -> Plugin:
    return Plugin(
        "catalog",
        catalog_face.routes(catalog, ActionPolicy.of(core.settings.raw)),
        _keys(core),
        permissions=bundled.schema("permissions/catalog"),
        apply_conditions=conditions.endpoint(catalog.resource_type()),
        openapi=catalog_face.document(),
    )


def _events(core: Process, ingresses: Mapping[str, Ingress]) -> Plugin:
    return Plugin(
        events_face.PLUGIN,
        events_face.routes(ingresses, EventStore(core.database)),
        _keys(core),
        body_limit=events_face.BODY_LIMIT,
        open_paths=events_face.OPEN_PATHS,
    )


def _crossplane(core: Process, provisioner: "AuthorizedProvisioner") -> Plugin:
    from backstage_py.http import crossplane as crossplane_face  # where it is configured

    return Plugin(
        names.CROSSPLANE,
        crossplane_face.routes(provisioner),
        _keys(core),
        permissions=bundled.schema("permissions/crossplane"),
    )


def _auth(core: Process, authenticator: Authenticator) -> Plugin:
    asked = core.settings.auth
    guest = GuestSignIn(asked, core.issuer, core.services.catalog, core.addresses.own) if asked.guest else None
    routes = auth.routes(core.issuer, authenticator, guest)
    return Plugin("auth", routes, _keys(core), open_paths=plugin_mount.every_path())


def _scaffolder(core: Process) -> Plugin:
    authorized = core.scaffolder.authorized
    return Plugin(
        "scaffolder",
        [
            *scaffolder_face.routes(authorized),
            *scaffolder_actions.routes(authorized, ActionPolicy.of(core.settings.raw)),
        ],
        _keys(core),
        body_limit=scaffolder_face.BODY_LIMIT,
        permissions=bundled.schema("permissions/scaffolder"),
        apply_conditions=conditions.endpoint(*authorized.resource_types()),
        openapi=scaffolder_face.document(),
    )


def _own(core: Process) -> Iterator[Plugin]:
    """Yield what is ours alone: the metrics of the platform, and our actions, which may go by another plugin's id."""
    actions, metrics = _template_actions(core), platform_metrics.routes(core.reports)
    permissions, openapi = bundled.schema("permissions/backstage-py"), bundled.schema(platform_metrics.DOCUMENT)
    if actions.id == platform_metrics.PLUGIN:
        yield replace(actions, routes=[*actions.routes, *metrics], permissions=permissions, openapi=openapi)
    else:
        yield actions
        yield Plugin(platform_metrics.PLUGIN, metrics, _keys(core), permissions=permissions, openapi=openapi)


def _template_actions(core: Process) -> Plugin:
    offered = TemplateActions.of(
        core.settings.scaffolder.actions_plugin,
        core.plugins.actions,
        core.services,
        core.settings.backend.working_directory,
        ActionPolicy.of(core.settings.raw),
        core.scaffolder.authorized.authority,
        core.settings.scaffolder.limits,
        core.scaffolder.executors,
    )
    return Plugin(offered.plugin, offered.routes(), _keys(core), body_limit=template_actions.BODY_LIMIT)


def _stand_ins(core: Process, stand_ins: Sequence[StandIn]) -> Iterator[Plugin]:
    """Yield the plugins of stand-ins; what this service offers itself goes before them."""
    for one in stand_ins:
        for id_, routes in one.plugins.items():
            if id_ != names.CROSSPLANE or core.provisioner is None:
                yield Plugin(id_, routes, _keys(core))


def _keys(core: Process) -> Callable[[], list[JsonObject]]:
    return core.issuer.keys.public
