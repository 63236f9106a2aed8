"""Requests that are written to a repository by a service that knows no cluster."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from backstage_py.errors import SettingsError
from backstage_py.integrations.crossplane import offers
from backstage_py.integrations.crossplane.provisioning import Provisioner
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.plugin import Services, User
from backstage_py.sandbox.server import serve_sandbox
from tests.actions.harness import Catalog, Task
from tests.cluster.argocd_stand_in import commits, file_of
from tests.cluster.test_databases import ADA, ENTITY, backend, looked
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
@pytest.mark.parametrize(("method", "path"), [("PUT", "*/contents/*"), ("POST", "*/pulls"), ("POST", "*/git/refs")])
async def test_a_lost_answer_makes_nothing_twice(client: Client, tmp_path: Path, method: str, path: str) -> None:
    async with backend(config(client, offered("pull-request")), tmp_path) as ask:
        client.sandbox.faults.lose_answer(method, path)
        await ask("POST", "/api/crossplane/postgres", ASKED)
        made = await ask("POST", "/api/crossplane/postgres", ASKED)
        assert made.json["environments"]["staging"]["delivery"]["pullRequest"].endswith("/pull/1")
        assert len((await client.send("GET", "/repos/org/deployments/pulls?state=all")).json) == 1
        assert await commits(client, branch="backstage-py/add/postgres/staging/payments/checkout-staging") == 2


@pytest.mark.thorough
async def test_the_catalog_has_a_resource_for_as_long_as_it_is_there(client: Client, tmp_path: Path) -> None:
    async with backend(config(client, offered("commit")), tmp_path) as ask:
        asked = await ask("POST", "/api/crossplane/postgres", ASKED)
        found = await looked(ask, ENTITY, 200)
        assert (found["metadata"]["title"], found["spec"]) == ("postgres of checkout", asked.json["entity"]["spec"])
        assert found["spec"]["owner"] == "group:default/payments"
        assert {(one["type"], one["targetRef"]) for one in found["relations"]} == {
            ("ownedBy", "group:default/payments"), ("dependencyOf", "component:default/checkout"),
        }  # fmt: skip
        [link] = found["metadata"]["links"]
        assert link["url"] == f"https://github.com/org/deployments/blob/main/{FILE}"
        forged = (await file_of(client, "org/deployments", FILE)).replace("checkout", "ledger")
        elsewhere = "staging/search/ledger-staging.yaml"  # it says that it is of another team than its namespace's
        await put(client, elsewhere, forged.replace("namespace: payments", "namespace: search"))
        assert (await ask("DELETE", f"{ONE}?confirm=checkout")).status == 200
        await looked(ask, ENTITY, 404)
        assert (await ask("GET", ENTITY.replace("checkout", "ledger"))).status == 404


async def put(client: Client, path: str, text: str, branch: str = "main") -> None:
    body = {"message": "by hand", "content": base64.b64encode(text.encode()).decode(), "branch": branch}
    answer = await client.send("PUT", f"/repos/org/deployments/contents/{path}", body)
    assert answer.status == 201, answer.raw


@pytest.mark.thorough
async def test_a_key_that_was_used_for_something_else_is_refused(client: Client, tmp_path: Path) -> None:
    async with backend(config(client, offered("commit")), tmp_path) as ask:
        key = {"idempotency-key": "one"}
        assert [(await ask("POST", "/api/crossplane/postgres", ASKED, **key)).status for _ in range(2)] == [201, 200]
        other = await ask("POST", "/api/crossplane/postgres", {**ASKED, "serviceName": "orders"}, **key)
        assert (other.status, "Idempotency-Key was used for 'checkout'" in other.json["error"]["message"]) == (
            409, True,
        )  # fmt: skip
        assert await commits(client) == 2


@pytest.mark.thorough
async def test_what_may_be_merged_only_later_is_merged_then(client: Client, tmp_path: Path) -> None:
    delivery = {"mode": "pull-request", "repository": "https://github.com/org/deployments", "autoMerge": True}
    refusal = {"message": "At least 1 approving review is required by reviewers with write access."}
    async with backend(config(client, offered("pull-request", delivery=delivery)), tmp_path) as ask:
        client.sandbox.faults.refuse("PUT", "*/pulls/1/merge", 405, refusal)
        made = (await ask("POST", "/api/crossplane/postgres", ASKED)).json["environments"]["staging"]["delivery"]
        assert (made["state"], made["note"][:27]) == ("requested", "At least 1 approving review")
        await looked(ask, ONE, 200, lambda one: one["environments"]["staging"]["status"] == "committed")
        for _ in range(2):  # at the request, and when the service looks next
            client.sandbox.faults.refuse("PUT", "*/pulls/2/merge", 405, refusal)
        await ask("POST", "/api/crossplane/postgres", {**ASKED, "serviceName": "orders"})
        await looked(ask, ENTITY.replace("checkout", "orders"), 200)
        head = "backstage-py/add/postgres/staging/payments/orders-staging"
        await put(client, "prod/admins.yaml", "a: 1\n", head)  # it holds more than was asked for by now
        again = await ask("POST", "/api/crossplane/postgres", {**ASKED, "serviceName": "orders"})
        assert "changes more than" in again.json["environments"]["staging"]["delivery"]["note"]
        await ask("POST", "/api/crossplane/postgres", {**ASKED, "serviceName": "ledger"})
        await looked(ask, ENTITY.replace("checkout", "ledger"), 200)
        assert (await client.send("GET", "/repos/org/deployments/pulls/2")).json["state"] == "open"


@pytest.mark.thorough
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


async def test_a_repository_elsewhere_is_refused_when_it_is_configured(client: Client) -> None:
    hosts = ScmRegistry(client.sandbox.hosts)
    for url in ("https://gitlab.com/org/deployments", "https://git.example.org/org/deployments"):
        wrong = offered("commit", delivery={"mode": "commit", "repository": url})
        with pytest.raises(SettingsError, match=r"delivery\.repository.*on GitHub alone"):
            Provisioner({"crossplane": wrong}, hosts)


def test_links_of_the_operator_name_what_is_known() -> None:
    with pytest.raises(SettingsError, match=r"link.*\{cluster\}"):
        offers.read({"crossplane": offered("direct", delivery=None, link="https://x/{user}")})


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
