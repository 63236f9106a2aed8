"""``crossplane:xr:apply`` and ``:wait`` on a real cluster, with controllers that act well or badly."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import InputError, NotAllowedError, NotFoundError
from backstage_py.integrations.kubernetes.waiting import FailedError, WaitedInVainError
from backstage_py.plugin import Services
from tests.actions.harness import Result, Task
from tests.cluster import platform
from tests.cluster.cluster import KubeCluster
from tests.cluster.platform import Platform
from tests.cluster.reconcilers.behaviour import Behaviour

GOOD = {"parameters": {"region": "eu-central-1", "size": "db.t4g.micro"}}


def group_of(version: Callable[..., Any], request: pytest.FixtureRequest) -> str:
    """Return the group in which a version's kinds are."""
    name = "claims_group" if version is platform.version_1 else "composites_group"
    return str(request.getfixturevalue(name))


VERSIONS = pytest.mark.parametrize("version", [platform.version_1, platform.version_2], ids=["v1", "v2"])


@pytest.fixture
def task(kube: KubeCluster, namespace: str, tmp_path: Path) -> Task:
    entry = kube.entry(kube.administrator(namespace))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    return Task(tmp_path / "task", Services(config=config))


async def apply(task: Task, given: Platform, *, dry_run: bool = False, **more: Any) -> Result:
    names = {"apiVersion": given.api_version, "kind": given.kind, "name": "orders", "namespace": given.namespace}
    return await task.run("crossplane:xr:apply", {**names, "spec": GOOD, **more}, dry_run=dry_run)


@VERSIONS
async def test_what_is_applied_is_waited_for_with_its_tree(
    task: Task, kube: KubeCluster, request: pytest.FixtureRequest, namespace: str, version: Callable[..., Any]
) -> None:
    with version(kube, group_of(version, request), namespace, Behaviour(slow=2)) as given:
        first = await apply(task, given, composition="postgres-aws")
        assert first.outputs["change"] == "created"
        assert first.outputs["ready"] is True
        lines = first.log.messages
        assert any(
            line.endswith("Instance/orders-instance: Synced, Ready=False (Creating)")
            or ("-instance: Synced, Ready=False (Creating)" in line and "├─" in line)
            for line in lines
        )
        assert any("└─ Instance/" in line and line.endswith("-replica: Synced, Ready") for line in lines)
        assert lines[-1].endswith("orders: Synced and Ready")
        spec = given.find("orders")["spec"]
        own = spec["crossplane"] if given.kind == "XPostgres" else spec
        assert own["compositionRef"] == {"name": "postgres-aws"}
        uid = given.find("orders")["metadata"]["uid"]
        task.forget()
        again = await apply(task, given, composition="postgres-aws")
        assert again.outputs["change"] == "unchanged"
        assert again.outputs["object"]["uid"] == uid
        assert len(given.all()) == 1


async def test_the_definition_refuses_before_anything_is_applied(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    with platform.version_2(kube, composites_group, namespace) as given:
        wrong = {"parameters": {"size": "huge", "storageGb": 5, "regoin": "eu"}}
        with pytest.raises(InputError) as refused:
            await apply(task, given, spec=wrong)
        for part in ('spec.parameters requires property "region"', "spec.parameters.size is not one of enum values",
                     "spec.parameters.storageGb must be greater than or equal to 20", '"regoin"'):  # fmt: skip
            assert part in refused.value.message
        with pytest.raises(InputError, match="version 2, which has no 'writeConnectionSecretToRef'"):
            await apply(task, given, connectionSecret="orders-db")
        with pytest.raises(NotFoundError, match="no CompositeResourceDefinition of XPostgers in the group"):
            await apply(task, given, kind="XPostgers")
        with pytest.raises(NotFoundError, match="serves no version 'v9' of XPostgres; it has v1"):
            await apply(task, given, apiVersion=f"{composites_group}/v9")
        assert given.all() == []


async def test_a_dry_run_shows_what_would_be_applied(
    task: Task, kube: KubeCluster, claims_group: str, namespace: str
) -> None:
    with platform.version_1(kube, claims_group, namespace) as given:
        shown = await apply(task, given, dry_run=True, connectionSecret="orders-db")
        assert f"Postgres/{namespace}/orders would be created" in shown.log.messages
        assert "+    name: orders-db" in shown.log.messages
        assert given.all() == []


@VERSIONS
async def test_an_error_that_lasts_ends_the_wait_and_names_the_part(
    task: Task, kube: KubeCluster, request: pytest.FixtureRequest, namespace: str, version: Callable[..., Any]
) -> None:
    how = Behaviour(broken=("replica", "api error InstanceQuotaExceeded: quota of 40 instances"))
    with (
        version(kube, group_of(version, request), namespace, how) as given,
        pytest.raises(FailedError, match=r"Instance/\S*-replica fails: .*InstanceQuotaExceeded: quota of 40 instances"),
    ):
        await apply(task, given)


async def test_an_error_that_may_pass_is_waited_out_for_its_time(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    how = Behaviour(broken=("replica", "cannot resolve references: no security group yet"))
    with platform.version_2(kube, composites_group, namespace, how) as given:
        with pytest.raises(FailedError, match=r"cannot resolve references.*; it has been so for 2 seconds"):
            await apply(task, given, errorSeconds=2)
        task.forget()
        waiting = asyncio.create_task(apply(task, given))
        await asyncio.sleep(2)
        assert not waiting.done()
        how.broken = None
        assert (await waiting).outputs["ready"] is True


async def test_ready_with_a_part_that_has_failed_is_not_ready(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    how = Behaviour(broken=("replica", "the subnet is being made"), lies=True)
    with platform.version_2(kube, composites_group, namespace, how) as given:
        with pytest.raises(
            FailedError, match=r"-replica fails: Synced=False .ReconcileError: the subnet is being made"
        ):
            await apply(task, given, errorSeconds=1)
        status = given.find("orders")["status"]
        assert [one["status"] for one in status["conditions"] if one["type"] == "Ready"] == ["True"]


async def test_ready_that_flaps_is_ready_once_it_stays(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    with platform.version_2(kube, composites_group, namespace, Behaviour(flaps=2, flap_seconds=1.5)) as given:
        done = await apply(task, given, looks=4)
        assert any("It was ready and is not any more" in line for line in done.log.messages)
        assert done.log.messages[-1].endswith("orders: Synced and Ready")


async def test_a_status_of_an_earlier_generation_is_not_believed(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    with (
        platform.version_2(kube, composites_group, namespace, Behaviour(unobserved=True)) as given,
        pytest.raises(WaitedInVainError, match="Crossplane has not seen it as it is now"),
    ):
        await apply(task, given, timeoutSeconds=5)


async def test_what_never_is_ready_ends_in_time_and_says_how_it_stood(
    task: Task, kube: KubeCluster, claims_group: str, namespace: str
) -> None:
    with platform.version_1(kube, claims_group, namespace, Behaviour(slow=9999)) as given:
        with pytest.raises(WaitedInVainError, match=r"in vain: Postgres/\S+/orders: .*waits for Instance/"):
            await apply(task, given, timeoutSeconds=15)
        task.signal.set()
        names = {"apiVersion": given.api_version, "kind": given.kind, "name": "orders", "namespace": namespace}
        cancelled = await task.run("crossplane:xr:wait", names)
        assert "status" not in cancelled.outputs


async def test_a_refusal_of_crossplane_itself_is_named(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    how = Behaviour(refused="cannot find composition: no such composition postgres-gcp")
    with (
        platform.version_2(kube, composites_group, namespace, how) as given,
        pytest.raises(FailedError, match=r"has failed: Synced=False .*no such composition postgres-gcp"),
    ):
        await apply(task, given)


async def test_a_namespace_that_is_forbidden_is_said_so(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    with platform.version_2(kube, composites_group, namespace) as given:
        entry = kube.entry(kube.token(namespace, f"admin-{namespace}"))
        entry["allow"] = [{"namespaces": ["other"], "kinds": [f"XPostgres.{composites_group}"]}]
        task.configured(kubernetes={"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]})
        with pytest.raises(
            NotAllowedError, match=f"may not use XPostgres.{composites_group} in the namespace '{namespace}'"
        ):
            await apply(task, given)
        token = kube.account(namespace)
        with pytest.raises(NotAllowedError, match="may not list CompositeResourceDefinitions"):
            await apply(task, given, token=token)
        assert given.all() == []


async def test_what_is_not_there_is_not_waited_for(
    task: Task, kube: KubeCluster, composites_group: str, namespace: str
) -> None:
    with platform.version_2(kube, composites_group, namespace) as given:
        names = {"apiVersion": given.api_version, "kind": given.kind, "name": "none", "namespace": namespace}
        with pytest.raises(NotFoundError, match=f"has no XPostgres/{namespace}/none"):
            await task.run("crossplane:xr:wait", names)
