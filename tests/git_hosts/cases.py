"""Cases that Backstage's provider and ours are both driven through, and how what came of it is written down."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web import http
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import entity_ref, location_ref
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.catalog import Event
from tests.directories.api_host import ApiHost, Handle
from tests.git_hosts import told

TOKEN = "t0ken"


@dataclass(frozen=True)
class Case:
    """A provider of one configuration, and the events that it hears of after it has read all."""

    name: str
    config: Mapping[str, Any]
    events: Sequence[tuple[str, Any]] = ()
    is_org: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of host.

    Attributes:
        name: below ``catalog.providers``, and of the table.
        module: on npm; ``providers`` are the names of its classes: for repositories, and for people.
        integrations: of an app-config, at the URL of the stand-in; ``integration`` is the same as we read it.
        world: what the stand-in has.
        make: our provider, of its settings.
        defaults: of every configuration.
        hosts: URLs in whose place the stand-in is, with what follows its own URL there.
        headers: what is compared of the headers.
    """

    name: str
    module: str
    providers: tuple[str, ...]
    integrations: Callable[[str], Mapping[str, Any]]
    integration: Callable[[str], Sequence[ScmIntegration]]
    world: Handle
    make: Callable[[Any, HttpClient, ScmRegistry], ScheduledProvider]
    cases: Sequence[Case]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    headers: Sequence[str] = ("authorization", "private-token")


def requests(host: ApiHost, kind: Kind) -> list[Any]:
    """What was asked, in an order that is nobody's, since several are asked at a time."""
    shown = [one.shown(*kind.headers) for one in host.asked]
    return sorted(shown, key=repr)


def in_order(entities: Sequence[Any]) -> list[Any]:
    """Entities by what they are, without the names of locations, which are made of addresses of a moment."""
    return sorted(map(_plain, entities), key=lambda one: (one["kind"], one["spec"].get("target"), entity_ref.of(one)))


def _plain(entity: Any) -> Any:
    if entity["kind"] != "Location":
        return entity
    spec = entity["spec"]
    assert entity["metadata"]["name"] == location_ref.generated_name(spec["type"], spec["target"])
    return {**entity, "metadata": {**entity["metadata"], "name": "generated"}}


async def ours(kind: Kind, case: Case, host: ApiHost, settings: Any) -> dict[str, Any]:
    """Drive our provider at a stand-in; what is there after the reading, and after each event."""
    async with HttpClient(http.listed_hosts([host.url.partition("//")[2]])) as client:
        provider = kind.make(settings, client, ScmRegistry(kind.integration(host.url)))
        connection = await told.connected(provider)
        found = [_state(connection)]
        for topic, given in case.events:
            payload = _at(host.url, given)
            connection.refreshed = []
            assert connection.hear
            if topic in connection.topics:
                await connection.hear(Event(topic, payload, {}))
            found.append(_state(connection))
    return {"states": found, "keys": sorted(str(one) for one in connection.location_keys)}


def _at(url: str, value: Any) -> Any:
    """An event of the stand-in at a URL."""
    return json.loads(json.dumps(value).replace("<host>", url))


def events(case: Case, url: str) -> list[Any]:
    """The events of a case as Backstage gets them."""
    return [{"topic": topic, "eventPayload": _at(url, payload), "metadata": {}} for topic, payload in case.events]


def _state(connection: told.Told) -> Any:
    return {"entities": in_order([*connection.entities.values()]), "refreshed": sorted({*connection.refreshed})}


def theirs(said: Any) -> dict[str, Any]:
    """The same of what Backstage's provider did."""
    entities: dict[str, Any] = {}
    states: list[Any] = []
    refreshed: list[str] = []
    keys: set[str] = set()
    for one in said["mutations"]:
        if one["type"] == "event":
            states.append({"entities": in_order([*entities.values()]), "refreshed": sorted({*refreshed})})
            refreshed = []
        elif one["type"] == "refresh":
            refreshed += one["keys"]
        else:
            entities = {} if one["type"] == "full" else entities
            for gone in one.get("removed", ()):
                entities.pop(entity_ref.of(gone["entity"]), None)
            added = one.get("entities") or one.get("added") or ()
            entities |= {entity_ref.of(made["entity"]): made["entity"] for made in added}
            keys |= {made["locationKey"] for made in added}
    states.append({"entities": in_order([*entities.values()]), "refreshed": sorted({*refreshed})})
    return {"states": states, "keys": sorted(keys), "errors": said["errors"]}


def same(value: Any, url: str) -> Any:
    """A value without the address of the stand-in."""
    if isinstance(value, dict):
        return {same(key, url): same(one, url) for key, one in value.items()}
    if isinstance(value, list):
        return [same(one, url) for one in value]
    return value.replace(url, "<host>") if isinstance(value, str) else value
