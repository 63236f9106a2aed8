"""``/api/crossplane`` and ``crossplane:postgres:…`` on a real cluster; the databases are real, too."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from backstage_py import app
from backstage_py.errors import ConflictError, InputError, NotAllowedError
from backstage_py.integrations.kubernetes.waiting import FailedError
from backstage_py.plugin import Services, User
from backstage_py.settings import load_settings
from tests import patience
from tests.actions.harness import Catalog, Task
from tests.cluster import admission, platform, waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.platform import Platform
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.crossplane import Definitions
from tests.cluster.reconcilers.databases import Databases
from tests.http.harness import Answer, call
from tests.storage.postgres import postgres

ADA = "user:default/ada"
ENTITY = "/api/catalog/entities/by-name/resource/default/checkout-postgres"
TEMPLATE = Path(__file__).parents[2] / "skeletons" / "go-microservice" / "template.yaml"


@pytest.fixture
def databases(kube: KubeCluster) -> Iterator[Databases]:
    with postgres(kube.host) as server:
        yield Databases(server)


def offered(given: Platform, **more: Any) -> dict[str, Any]:
    """What an operator configures for it; both environments are in the one cluster of the test."""
    resource = {
        "group": given.group,
        "kind": given.kind,
        "provider": "aws",
        "namespace": given.namespace,
        "owner": "group:default/{team}",
        "fields": {"class": "size"},
        "values": {"region": "eu-central-1"},
        "sizes": {
            "small": {"aws": {"class": "db.t4g.micro", "storageGb": 20}},
            "large": {"aws": {"class": "db.m7g.large", "storageGb": 500}},
        },
        "options": ["region", "storageGb"],
        "environments": {"staging": {}, "prod": {"values": {"engineVersion": "16.3"}}},
        **more,
    }
    return {"resources": {"postgres": resource}}


def config(kube: KubeCluster, namespace: str, crossplane: Mapping[str, Any]) -> dict[str, Any]:
    entry = kube.entry(kube.administrator(namespace))
    del entry["allow"]  # what the operator offers needs no rules for templates
    return {
        "backend": {
            "baseUrl": "http://localhost:7007",
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
        },
        "auth": {
            "environment": "development",
            "providers": {
                "guest": {
                    "dangerouslyAllowOutsideDevelopment": True,
                    "userEntityRef": ADA,
                    "ownershipEntityRefs": [ADA, "group:default/payments"],
                }
            },
        },
        "kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]},
        "crossplane": crossplane,
    }


class Backend:
    """The service, called as Ada."""

    def __init__(self, asgi: Any, token: str) -> None:
        self.asgi, self.token = asgi, token

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {"authorization": f"Bearer {self.token}", "content-type": "application/json", **headers}
        text = None if body is None else json.dumps(body).encode()
        return await call(self.asgi, method, path, sent, text)


@asynccontextmanager
async def backend(raw: dict[str, Any], tmp_path: Path) -> AsyncIterator[Backend]:
    file = tmp_path / "app-config.yaml"
    file.write_text(yaml.safe_dump(raw))
    async with app.serving(load_settings([file], {}), run_tasks=False) as service:
        answer = await call(service.asgi, "POST", "/api/auth/guest/refresh")
        yield Backend(service.asgi, answer.json["backstageIdentity"]["token"])


def golden_path() -> tuple[str, str, dict[str, str]]:
    """The call of the template's last step, for the service ``checkout`` of the team ``payments``."""
    step = yaml.safe_load(TEMPLATE.read_text())["spec"]["steps"][-1]
    values = {"${{ parameters.name }}": "checkout", "${{ parameters.team }}": "payments"}
    asked = step["input"]
    return asked["method"], asked["path"], {key: values[value] for key, value in asked["body"].items()}


async def test_the_golden_paths_last_step_gets_databases_for_staging_and_production(
    kube: KubeCluster, claims_group: str, namespace: str, databases: Databases, tmp_path: Path
) -> None:
    with platform.version_1(
        kube, claims_group, namespace, connection=databases.connection, release=databases.release
    ) as given:
        raw = config(kube, namespace, offered(given))
        async with backend(raw, tmp_path) as ask:
            first = await ask(*golden_path(), **{"idempotency-key": "one"})
            assert first.status == 201, first.body
            assert set(first.json["environments"]) == {"staging", "prod"}
            staging, prod = (given.find(f"checkout-{one}")["spec"] for one in ("staging", "prod"))
            small = {"size": "db.t4g.micro", "storageGb": 20, "region": "eu-central-1", "encryption": True}
            assert staging["parameters"] == {
                **small, "multiAz": False, "deletionProtection": False, "backupRetentionDays": 7, "engineVersion": "16",
            }  # fmt: skip
            assert prod["parameters"] == {
                **small, "multiAz": True, "deletionProtection": True, "backupRetentionDays": 30,
                "engineVersion": "16.3",
            }  # fmt: skip
            ready = await until_ready(ask, f"/api/crossplane/postgres/{namespace}/checkout")
            again = await ask(*golden_path(), **{"idempotency-key": "one"})
            assert again.status == 200
            assert {one["change"] for one in again.json["environments"].values()} == {"unchanged"}
            assert len(given.all()) == 2
            refuse_secrets(kube, namespace, ready)
            entity = ready["entity"]
            assert entity["spec"] == {
                "type": "database", "owner": "group:default/payments", "dependencyOf": ["component:default/checkout"],
            }  # fmt: skip
            assert len(entity["metadata"]["links"]) == 2
            known = await looked(ask, ENTITY, 200)
            assert (known["spec"], len(known["metadata"]["links"])) == (entity["spec"], 2)
            [listed] = (await ask("GET", "/api/crossplane/postgres")).json["items"]
            assert (listed["namespace"], listed["name"]) == (namespace, "checkout")
            await delete_all(ask, kube, given, namespace)
            await looked(ask, ENTITY, 404)
        assert databases.names() == set()


async def looked(ask: Backend, path: str, status: int, is_so: Callable[[Any], bool] = lambda _: True) -> Any:
    """Look until an answer is as it should be; the service has its own rhythm."""

    async def found() -> list[Any]:
        answer = await ask("GET", path)
        return [answer.json] if answer.status == status and is_so(answer.json) else []

    return (await patience.until_answered(found, f"{path} is as it should be"))[0]


async def until_ready(ask: Backend, path: str) -> Any:
    for _ in range(240):
        answer = await ask("GET", path)
        assert answer.status == 200, answer.body
        if answer.json["ready"]:
            return answer.json
        await waiting.pause()
    raise AssertionError("waited in vain")


def refuse_secrets(kube: KubeCluster, namespace: str, ready: Any) -> None:
    """The Secrets are where the answer says, open the databases, and stand nowhere in it."""
    for one in ready["environments"].values():
        ref = one["secretRef"]
        data = kube.api.get(f"/api/v1/namespaces/{ref['namespace']}/secrets/{ref['name']}")["data"]
        values = {key: platform.decoded(value) for key, value in data.items()}
        with psycopg.connect(
            host=values["host"], port=values["port"], user=values["username"],
            password=values["password"], dbname=values["database"],
        ) as connection:  # fmt: skip
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert values["password"] not in json.dumps(ready)
        assert data["password"] not in json.dumps(ready)


async def delete_all(ask: Backend, kube: KubeCluster, given: Platform, namespace: str) -> None:
    path = f"/api/crossplane/postgres/{namespace}/checkout"
    unsaid = await ask("DELETE", path)
    assert (unsaid.status, unsaid.json["error"]["name"]) == (400, "InputError")
    assert "confirm=checkout" in unsaid.json["error"]["message"]
    protected = await ask("DELETE", f"{path}?confirm=checkout")
    assert (protected.status, protected.json["error"]["name"]) == (409, "ConflictError")
    assert "protected in prod" in protected.json["error"]["message"]
    assert len(given.all()) == 2
    gone = await ask("DELETE", f"{path}?confirm=checkout&environment=staging")
    assert [one["environment"] for one in gone.json["deleting"]] == ["staging"]
    assert [(one["environment"], one["why"]) for one in gone.json["remains"]] == [("prod", "not deleted")]
    kube.api.patch(f"{given.objects}/checkout-prod", {"spec": {"parameters": {"deletionProtection": False}}})
    waiting.until(lambda: given.find("checkout-staging") is None, "staging is gone")
    assert (await ask("DELETE", f"{path}?confirm=checkout")).status == 200
    waiting.until(lambda: not given.all(), "all is gone")
    assert (await ask("GET", path)).status == 404


async def test_who_asks_for_what_is_refused_with_a_reason(
    kube: KubeCluster, composites_group: str, namespace: str, tmp_path: Path
) -> None:
    with platform.version_2(kube, composites_group, namespace) as given:
        async with backend(config(kube, namespace, offered(given)), tmp_path) as ask:

            async def error(body: Any, path: str = "/api/crossplane/postgres", **headers: str) -> tuple[int, str]:
                answer = await ask("POST", path, body, **headers)
                assert set(answer.json) == {"error", "request", "response"}
                return answer.status, f"{answer.json['error']['name']}: {answer.json['error']['message']}"

            good = {"serviceName": "orders", "team": "payments"}
            cases = {
                "takes a member of group:default/search": {"serviceName": "orders", "team": "search"},
                "'serviceName' must be 1 to 40": {"serviceName": "../x", "team": "payments"},
                "Unknown key 'encryption'": {**good, "encryption": False},
                "There is no size 'huge' of postgres for aws; it has ": {**good, "size": "huge"},
                "There is no environment 'dev'": {**good, "environments": ["dev"]},
                "spec.parameters.storageGb must be greater than": {**good, "storageGb": 1},
            }
            for words, body in cases.items():
                status, said = await error(body)
                assert words in said
                assert status == (403 if "member" in words else 400)
            assert await error(good, "/api/crossplane/redis") == (
                404, "NotFoundError: There is no resource 'redis'; 'crossplane.resources' has postgres",
            )  # fmt: skip
            nobody = await call(ask.asgi, "GET", "/api/crossplane/postgres")
            assert nobody.status == 401
            assert given.all() == []
            dry = await ask("POST", "/api/crossplane/postgres?dryRun=true", good)
            assert (dry.status, given.all()) == (200, [])
            assert (await ask("POST", "/api/crossplane/postgres", good, **{"idempotency-key": "k"})).status == 201
            assert "size small, not large" in (await error({**good, "size": "large"}))[1]
            other = {"serviceName": "other", "team": "payments"}
            assert "Idempotency-Key was used for 'orders'" in (await error(other, **{"idempotency-key": "k"}))[1]
            own = given.find("orders-staging")["spec"]
            assert "writeConnectionSecretToRef" not in own


async def test_what_quota_or_admission_denies_is_named_and_nothing_is_made(
    kube: KubeCluster, composites_group: str, namespace: str, tmp_path: Path
) -> None:
    with platform.version_2(kube, composites_group, namespace) as given:
        async with backend(config(kube, namespace, offered(given)), tmp_path) as ask:
            asked = {"serviceName": "orders", "team": "payments"}

            async def refused(status: int, words: str) -> None:
                for _ in range(2):
                    answer = await ask("POST", "/api/crossplane/postgres", asked)
                    assert (answer.status, words in answer.body.decode()) == (status, True), answer.body
                assert given.all() == []

            def judge(value: Any) -> str | None:
                name = value["metadata"]["name"]
                rules = {"limit-sizes": {"no-prod": "validation error: ask the platform team"}}
                return admission.blocked(f"XPostgres/{namespace}/{name}", rules) if name.endswith("-prod") else None

            with admission.webhook(kube.api, kube.host, namespace, judge, tmp_path):
                denied = "postgres in prod was refused: limit-sizes/no-prod: validation error: ask the platform team"
                await refused(400, denied)
            quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
            hard = {f"count/xpostgress.{given.group}": "0"}
            kube.api.post(quotas, {"kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": hard}})
            status = {"hard": hard, "used": dict.fromkeys(hard, "0")}  # the controller takes minutes to see a new kind
            kube.api.patch(f"{quotas}/few/status", {"status": status})
            await refused(403, "was refused: few: requested: count/xpostgress")
            kube.api.delete(f"{quotas}/few")
            made = await ask("POST", "/api/crossplane/postgres", asked)
            assert (made.status, len(given.all())) == (201, 2)


async def test_without_the_definitions_it_is_said_what_is_missing(
    kube: KubeCluster, api_group: str, namespace: str, tmp_path: Path
) -> None:
    kube.load_crds("crossplane")
    given = Platform(kube, api_group, namespace, "Postgres", "", "", Behaviour())
    async with backend(config(kube, namespace, offered(given)), tmp_path) as ask:
        answer = await ask(*golden_path())
        assert answer.status == 404
        assert "no CompositeResourceDefinition of Postgres in the group" in answer.json["error"]["message"]


BUCKET = {
    "type": "object",
    "required": ["region"],
    "properties": {
        "region": {"type": "string"},
        "storageClass": {"type": "string"},
        "encryption": {"type": "boolean"},
        "deletionProtection": {"type": "boolean"},
        "versionDays": {"type": "integer"},
    },
}


async def test_another_kind_of_resource_takes_a_configuration_alone(
    kube: KubeCluster, api_group: str, namespace: str, tmp_path: Path
) -> None:
    kind, plural = platform.define(kube, api_group, "Namespaced", "bucket", BUCKET)
    with Definitions(kube.api, api_group):
        platform.wait_offered(kube, api_group, plural, 1)
        objects = f"/apis/{api_group}/v1/namespaces/{namespace}/{plural}"
        given = Platform(kube, api_group, namespace, kind, objects, "", Behaviour())
        bucket = {
            **offered(given)["resources"]["postgres"],
            "fields": {"multiAz": None, "backupRetentionDays": "versionDays"},
            "sizes": {"small": {"aws": {"storageClass": "STANDARD"}}},
            "environments": {"prod": {}},
            "connectionSecret": None,
        }
        raw = config(kube, namespace, {"resources": {"bucket": bucket}})
        async with backend(raw, tmp_path) as ask:
            asked = {"serviceName": "photos", "team": "payments"}
            made = await ask("POST", "/api/crossplane/bucket", asked)
            assert made.status == 201, made.body
            assert given.find("photos-prod")["spec"]["parameters"] == {
                "region": "eu-central-1", "storageClass": "STANDARD", "encryption": True, "deletionProtection": True,
                "versionDays": 30,
            }  # fmt: skip
            shown = (await ask("GET", f"/api/crossplane/bucket/{namespace}/photos")).json
            assert (shown["ready"], shown["environments"]["prod"]["secretRef"]) == (False, None)
            assert shown["entity"]["metadata"]["name"] == "photos-bucket"
            del bucket["fields"]["multiAz"]
        async with backend(raw, tmp_path) as ask:
            refused = await ask("POST", "/api/crossplane/bucket", {**asked, "serviceName": "films"})
            assert (refused.status, '"multiAz"' in refused.json["error"]["message"]) == (400, True)
            path = f"/api/crossplane/bucket/{namespace}/photos"
            left = await ask("DELETE", f"{path}?confirm=photos&orphan=true")
            assert [one["environment"] for one in left.json["deleting"]] == ["prod"]
            waiting.until(lambda: not given.all(), "it is gone")


async def test_the_actions_ask_once_wait_and_delete(
    kube: KubeCluster, claims_group: str, namespace: str, databases: Databases, tmp_path: Path
) -> None:
    how = Behaviour(slow=1)
    with platform.version_1(
        kube, claims_group, namespace, how, connection=databases.connection, release=databases.release
    ) as given:
        member = {"type": "memberOf", "targetRef": "group:default/payments"}
        ada = {"kind": "User", "metadata": {"name": "ada"}, "relations": [member]}
        services = Services(config=config(kube, namespace, offered(given)), catalog=Catalog({ADA: ada}))
        task = Task(tmp_path / "task", services, user=User(ADA))
        names = {"serviceName": "checkout", "team": "payments"}
        shown = await task.run("crossplane:postgres:request", {**names, "wait": False}, dry_run=True)
        assert given.all() == []
        assert "staging: Postgres/" in shown.log.messages[0]
        done = await task.run("crossplane:postgres:request", names)
        assert done.outputs["ready"] is True
        assert any(line.startswith("prod: ") and "├─" in line for line in done.log.messages)
        uids = {one["metadata"]["uid"] for one in given.all()}
        task.forget()
        await task.run("crossplane:postgres:request", names)
        assert {one["metadata"]["uid"] for one in given.all()} == uids
        with pytest.raises(NotAllowedError, match="takes a member of group:default/search"):
            await task.run("crossplane:postgres:request", {**names, "team": "search"})
        status = await task.run("crossplane:resource:status", {**names, "resource": "postgres"})
        assert status.outputs["environments"]["prod"]["protected"] is True
        with pytest.raises(InputError, match="confirm=checkout"):
            await task.run("crossplane:postgres:delete", {**names, "confirm": "chekout"})
        with pytest.raises(ConflictError, match="protected in prod"):
            await task.run("crossplane:postgres:delete", {**names, "confirm": "checkout"})
        kept = {**names, "confirm": "checkout", "orphan": True, "timeoutSeconds": 200}
        gone = await task.run("crossplane:postgres:delete", kept)
        assert len(gone.outputs["remains"]) == 4
        assert given.all() == []
        assert len(databases.names()) == 2  # what was orphaned is there
        missing = await task.run("crossplane:postgres:status", {**names, "required": False})
        assert missing.outputs["exists"] is False


async def test_a_failure_names_environment_and_part(
    kube: KubeCluster, composites_group: str, namespace: str, tmp_path: Path
) -> None:
    how = Behaviour(broken=("instance", "InvalidParameterValue: no such class"))
    with platform.version_2(kube, composites_group, namespace, how) as given:
        services = Services(config=config(kube, namespace, offered(given)))
        entity = {"kind": "User", "metadata": {"name": "ada"}, "relations": [
            {"type": "memberOf", "targetRef": "group:default/payments"}]}  # fmt: skip
        task = Task(tmp_path / "task", replace(services, catalog=Catalog({ADA: entity})), user=User(ADA))
        with pytest.raises(
            FailedError, match=r"(staging|prod): XPostgres/\S+ has failed: Instance/\S+ fails: .*InvalidPar"
        ):
            await task.run("crossplane:postgres:request", {"serviceName": "orders", "team": "payments"})
