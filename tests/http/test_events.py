"""What other systems tell: deliveries with a signature, forged ones, and those that come again."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from backstage_py.app import serving
from backstage_py.catalog.sources import deliveries
from backstage_py.http import application
from backstage_py.http import events as face
from backstage_py.http.streams import OpenStreams
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.catalog import CatalogPlugins, Event, ProviderConnection
from backstage_py.settings.load import load_settings
from backstage_py.settings.sections import BackendSettings, EventsSettings
from tests import patience
from tests.catalog.harness import catalog
from tests.http.harness import Answer, call

SECRET = "a secret of the hook"  # of this test
OF_APP = "a secret of the App"
SETTINGS = EventsSettings(
    ("open",), github=SECRET, gitlab=SECRET, azure_dev_ops=SECRET, bitbucket_server=SECRET, gitea=SECRET
)
APP = ScmIntegration("github", "github.com", "github.com", None, None, None, {"apps": [{"webhookSecret": OF_APP}]})


@dataclass
class Listener:
    """A provider that notes what it hears of."""

    heard: list[tuple[str, Any]] = field(default_factory=list)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    name: str = "listener"

    async def connect(self, connection: ProviderConnection) -> None:
        connection.on_events(["github", "gitlab.push", "azureDevOps", "bitbucketServer", "gitea", "open"], self.hear)

    async def hear(self, event: Event) -> None:
        self.heard.append((event.topic, event.payload))
        self.metadata = event.metadata

    async def close(self) -> None:
        return


@dataclass
class Site:
    app: ASGIApp
    listener: Listener

    async def deliver(self, topic: str, payload: Any, headers: dict[str, str], *, secret: str = SECRET) -> Answer:
        """Send a delivery, signed as its host signs."""
        body = json.dumps(payload).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        proof = {
            "github": {"x-hub-signature-256": f"sha256={signature}"},
            "gitlab": {"x-gitlab-token": secret},
            "azureDevOps": {"x-ado-webhook-secret": secret},
            "bitbucketServer": {"x-hub-signature": f"sha256={signature}"},
            "gitea": {"x-gitea-signature": signature},
        }.get(topic, {})
        return await self.post(topic, body, {"content-type": "application/json", **proof, **headers})

    async def post(self, topic: str, body: bytes, headers: dict[str, str]) -> Answer:
        return await call(self.app, "POST", f"/api/events/http/{topic}", headers, body)

    async def heard(self, *topics: str) -> None:
        heard = self.listener.heard
        await patience.until(lambda: [topic for topic, _ in heard] == list(topics), f"{topics} are heard of")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    listener = Listener()
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[listener])) as world:
        routes = face.routes(deliveries.of(SETTINGS, [APP]), world.service.events)
        mounted = Mount("/api/events", app=Router(routes, redirect_slashes=False))
        yield Site(application.create([mounted], BackendSettings("http://here"), OpenStreams()), listener)


async def test_a_delivery_that_is_signed_is_heard_of_once(site: Site) -> None:
    sent = {"x-github-event": "push", "x-github-delivery": "1"}
    answer = await site.deliver("github", {"ref": "refs/heads/main"}, sent)
    assert (answer.status, answer.json) == (202, {"status": "accepted"})
    again = await site.deliver("github", {"ref": "refs/heads/main"}, sent)
    assert (again.status, again.json["error"]["message"]) == (409, "This event was delivered before")
    other_id = await site.deliver("github", {"ref": "refs/heads/main"}, {**sent, "x-github-delivery": "2"})
    assert other_id.status == 409, "the id is not signed, the body is"
    same_id = await site.deliver("github", {"ref": "refs/heads/other"}, sent)
    assert same_id.status == 409
    assert (await site.deliver("github", {"zen": ""}, {"x-github-delivery": "3"}, secret=OF_APP)).status == 202
    await site.heard("github.push", "github")
    assert "x-hub-signature-256" in site.listener.metadata


async def test_a_forgery_is_refused(site: Site) -> None:
    said = {"gitlab": "invalid token", "azureDevOps": "invalid webhook secret"}
    for topic in ("github", "gitlab", "azureDevOps", "bitbucketServer", "gitea"):
        for answer in (
            await site.deliver(topic, {"action": "deleted"}, {}, secret="another one"),  # of this test
            await site.post(topic, b"{}", {"content-type": "application/json"}),
            await site.post(topic, b"not JSON", {"content-type": "application/json"}),
        ):
            assert (answer.status, answer.json) == (403, {"message": said.get(topic, "invalid signature")})
    assert site.listener.heard == []


@pytest.mark.parametrize(
    ("topic", "payload", "headers", "wanted"),
    [
        ("gitlab", {"object_kind": "push"}, {"x-gitlab-event-uuid": "1"}, "gitlab.push"),
        ("azureDevOps", {"eventType": "git.push", "id": "1"}, {}, "azureDevOps.git.push"),
        ("bitbucketServer", {"date": "1"}, {"x-event-key": "repo:refs_changed"}, "bitbucketServer.repo:refs_changed"),
        ("gitea", {"after": "1"}, {"x-gitea-event": "push", "x-gitea-delivery": "1"}, "gitea.push"),
    ],
)
async def test_each_host_has_its_topics_and_is_not_heard_of_twice(
    site: Site, topic: str, payload: Any, headers: dict[str, str], wanted: str
) -> None:
    statuses = [(await site.deliver(topic, payload, headers)).status for _ in range(2)]
    assert statuses == [202, 409]
    await site.heard(wanted)
    assert SECRET not in json.dumps(dict(site.listener.metadata))


async def test_an_open_topic_takes_what_anybody_sends(site: Site) -> None:
    assert [(await site.deliver("open", {"a": 1}, {})).status for _ in range(2)] == [202, 202]
    await site.heard("open", "open")


async def test_a_kind_that_no_host_has_becomes_no_topic(site: Site) -> None:
    kinds: list[Any] = ["a\0b", "x" * 101, "push\n", "", " ", ["push"]]
    for kind in kinds:
        assert (await site.deliver("azureDevOps", {"eventType": kind}, {})).status == 202
    await site.heard(*["azureDevOps"] * len(kinds))


async def test_what_is_no_event_is_refused_in_words(site: Site) -> None:
    answer = await site.post("open", b"a=b", {"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.json["error"]["name"]) == (415, "UnsupportedMediaTypeError")
    assert (await site.post("open", b"{}", {})).status == 415
    assert (await site.post("open", b"{}", {"content-type": "application/json; charset=koi8-r"})).status == 415
    assert (await site.post("open", b"[]", {"content-type": "application/json"})).status == 400
    assert (await site.post("open", b"{", {"content-type": "application/json"})).status == 400
    assert (await site.deliver("unknown", {}, {})).status == 404


async def test_a_service_takes_events_without_a_token_of_its_own_up_to_a_size(tmp_path: Path) -> None:
    config = {
        "backend": {
            "baseUrl": "http://127.0.0.1:7007",
            "database": {"client": "better-sqlite3", "connection": str(tmp_path / "service.sqlite")},
        },
        "events": {"modules": {"github": {"webhookSecret": SECRET}}},
    }
    path = tmp_path / "app-config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    async with serving(load_settings([path], {})) as service, service.running():
        site = Site(service.asgi, Listener())
        assert (await site.deliver("github", {"fits": "x" * (4 * 1024 * 1024)}, {})).status == 202
        too_large = await site.deliver("github", {"fits": "x" * (5 * 1024 * 1024)}, {})
        assert (too_large.status, too_large.json["error"]["name"]) == (413, "PayloadTooLargeError")
        assert (await site.deliver("gitlab", {}, {})).status == 404
