"""Requests that are written to a repository by a service that knows no cluster."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from backstage_py.errors import SettingsError
from backstage_py.integrations.crossplane import offers
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.plugin import Services, User
from backstage_py.sandbox.server import serve_sandbox
from tests.actions.harness import Catalog, Task
from tests.cluster.argocd_stand_in import commits, file_of
from tests.cluster.test_databases import ADA, backend
from tests.sandbox.harness import Client

ASKED = {"serviceName": "checkout", "team": "payments"}
ONE = "/api/crossplane/postgres/payments/checkout"
FILE = "staging/payments/checkout-staging.yaml"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with serve_sandbox(tmp_path / "sandbox") as sandbox, aiohttp.ClientSession() as session:
        found = Client(sandbox, session)
        await found.create("deployments", auto_init=True)
        yield found


def offered(mode: str, crossplane: str = "v2", **more: Any) -> dict[str, Any]:
    one = {
        "group": "platform.example.org",
        "kind": "Postgres",
        "version": "v1",
        "provider": "aws",
        "definition": {"crossplane": crossplane},
        "delivery": {"mode": mode, "repository": "https://github.com/org/deployments"},
        "sizes": {"small": {"aws": {"class": "db.t4g.micro"}}, "large": {"aws": {"class": "db.m7g.large"}}},
        "environments": {"staging": {"composition": "cheap"}},
        **more,
    }
    return {"resources": {"postgres": one}}


def config(client: Client, crossplane: dict[str, Any]) -> dict[str, Any]:
    guest = {
        "dangerouslyAllowOutsideDevelopment": True,
        "userEntityRef": ADA,
        "ownershipEntityRefs": [ADA, "group:default/payments"],
    }
    return {
        "backend": {
            "baseUrl": "http://localhost:7007",
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
        },
        "auth": {"environment": "development", "providers": {"guest": guest}},
        "integrations": {"github": client.sandbox.integrations},
        "crossplane": crossplane,
    }


@pytest.mark.parametrize(
    ("crossplane", "own"),
    [
        ("v1", {"compositionRef": {"name": "cheap"},
                "writeConnectionSecretToRef": {"name": "checkout-staging-connection"}}),
        ("v2", {"crossplane": {"compositionRef": {"name": "cheap"}}}),
    ],
)  # fmt: skip
async def test_a_commit_is_made_once_and_taken_back(
    client: Client, tmp_path: Path, crossplane: str, own: dict[str, Any]
) -> None:
    async with backend(config(client, offered("commit", crossplane)), tmp_path) as ask:
        made = await ask("POST", "/api/crossplane/postgres", ASKED)
        assert (made.status, made.json["environments"]["staging"]["change"]) == (201, "committed")
        value = yaml.safe_load(await file_of(client, "org/deployments", FILE))
        assert (value["apiVersion"], value["kind"]) == ("platform.example.org/v1", "Postgres")
        parameters = value["spec"].pop("parameters")
        assert (parameters["class"], parameters["encryption"], value["spec"]) == ("db.t4g.micro", True, own)
        before = await commits(client)
        again = await ask("POST", "/api/crossplane/postgres", ASKED)
        assert (again.status, again.json["environments"]["staging"]["change"]) == (200, "unchanged")
        assert (await ask("POST", "/api/crossplane/postgres", {**ASKED, "size": "large"})).status == 409
        assert await commits(client) == before
        shown = (await ask("GET", ONE)).json
        assert (shown["team"], shown["ready"], shown["environments"]["staging"]["status"]) == (
            "payments", False, "committed",
        )  # fmt: skip
        assert (await ask("GET", "/api/crossplane/postgres/..%2f..%2fx/checkout")).status == 404
        assert (await ask("DELETE", f"{ONE}?confirm=checkout&dryRun=true")).status == 200
        assert await commits(client) == before
        gone = await ask("DELETE", f"{ONE}?confirm=checkout")
        assert gone.json["deleting"][0]["delivery"]["state"] == "absent"
        assert (await client.send("GET", f"/repos/org/deployments/contents/{FILE}")).status == 404
        assert (await ask("GET", ONE)).status == 404


async def test_what_nobody_has_merged_is_withdrawn_and_asked_for_anew(client: Client, tmp_path: Path) -> None:
    async with backend(config(client, offered("pull-request")), tmp_path) as ask:
        for number in (1, 2):
            made = (await ask("POST", "/api/crossplane/postgres", ASKED)).json["environments"]["staging"]
            assert made["delivery"]["pullRequest"].endswith(f"/org/deployments/pull/{number}")
            assert (await ask("GET", ONE)).json["environments"]["staging"]["status"] == "requested"
            await ask("DELETE", f"{ONE}?confirm=checkout")
            closed = (await client.send("GET", f"/repos/org/deployments/pulls/{number}")).json
            assert (closed["state"], closed["merged"]) == ("closed", False)
            assert (await ask("GET", ONE)).status == 404


@pytest.mark.parametrize(("method", "path"), [("PUT", "*/contents/*"), ("POST", "*/pulls"), ("POST", "*/git/refs")])
async def test_a_lost_answer_makes_nothing_twice(client: Client, tmp_path: Path, method: str, path: str) -> None:
    async with backend(config(client, offered("pull-request")), tmp_path) as ask:
        client.sandbox.faults.lose_answer(method, path)
        await ask("POST", "/api/crossplane/postgres", ASKED)
        made = await ask("POST", "/api/crossplane/postgres", ASKED)
        assert made.json["environments"]["staging"]["delivery"]["pullRequest"].endswith("/pull/1")
        assert len((await client.send("GET", "/repos/org/deployments/pulls?state=all")).json) == 1
        assert await commits(client, branch="backstage-py/add/postgres/staging/payments/checkout-staging") == 2


async def test_the_actions_go_the_same_way(client: Client, tmp_path: Path) -> None:
    member = {"type": "memberOf", "targetRef": "group:default/payments"}
    ada = {"kind": "User", "metadata": {"name": "ada"}, "relations": [member]}
    services = Services(
        config=config(client, offered("pull-request", delivery={
            "mode": "pull-request", "repository": "https://github.com/org/deployments", "autoMerge": True})),
        catalog=Catalog({ADA: ada}),
        integrations=ScmRegistry(client.sandbox.hosts),
    )  # fmt: skip
    task = Task(tmp_path / "task", services, user=User(ADA))
    shown = await task.run("crossplane:postgres:request", ASKED, dry_run=True)
    assert shown.outputs["environments"]["staging"]["change"] == "would be requested"
    done = await task.run("crossplane:postgres:request", ASKED)
    assert done.outputs["environments"]["staging"]["delivery"]["state"] == "committed"
    assert any("there is no cluster to look at" in line for line in done.log.messages)
    status = await task.run("crossplane:postgres:status", ASKED)
    assert status.outputs["environments"]["staging"]["status"] == "committed"
    gone = await task.run("crossplane:postgres:delete", {**ASKED, "confirm": "checkout"})
    assert gone.outputs["deleting"][0]["delivery"]["state"] == "absent"


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        ("commit", "delivery.*it should be an object"),
        ({"mode": "by-mail"}, "delivery.mode"),
        ({"mode": "commit"}, "delivery.repository"),
        ({"mode": "commit", "repository": "https://github.com/o/r", "path": "x/{name}.yaml"}, "delivery.path"),
        ({"mode": "commit", "repository": "https://github.com/o/r", "path": "../{namespace}/{name}"}, "delivery.path"),
        ({"mode": "commit", "repository": "https://github.com/o/r", "path": "{namespace}/{name}{x}"}, "delivery.path"),
        ({"mode": "direct", "automerge": True}, "delivery.automerge"),
    ],
)
def test_a_wrong_delivery_is_named(delivery: Any, words: str) -> None:
    wrong = {"staging": {"delivery": delivery}}
    with pytest.raises(SettingsError, match=words):
        offers.read({"crossplane": offered("direct", delivery=None, environments=wrong)})
