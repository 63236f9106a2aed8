"""Path 2, a PostgreSQL database for a service that exists, as a pull request: with a real git host and a real chart."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py import bundled
from backstage_py.integrations.crossplane import checking
from tests.cluster.test_crossplane_skeleton import definition
from tests.deploy import rendering
from tests.golden_paths import definitions, platform, produced
from tests.golden_paths.platform import Platform
from tests.golden_paths.produced import NAME

pytestmark = pytest.mark.thorough
PATH = "postgres-database"
SERVICE = {"service": f"component:default/{NAME}", "how": "pull-request"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Platform]:
    source = produced.produce(produced.skeleton("go"), tmp_path / "clone")
    async with platform.running(tmp_path / "platform", source) as running:
        yield running


def rendered(repository: Path, environment: str) -> dict[str, Any]:
    """Return what the environment gets, by kind."""
    values = yaml.safe_load((repository / f"deploy/{environment}/values.yaml").read_text())
    values["image"]["digest"] = f"sha256:{'1' * 64}"
    found = rendering.rendered(values, chart=repository / "chart", name=NAME, namespace=f"payments-{environment}")
    return {one["kind"]: one for one in found}


async def test_a_database_for_each_environment_comes_with_its_pull_request(site: Platform) -> None:
    for environment, short, size in (("staging", "staging", "small"), ("production", "prod", "large")):
        ended = await site.run(PATH, {**SERVICE, "environment": environment, "size": size})
        assert "/pull/" in ended.output["links"][0]["url"]
        changed = await site.difference(f"database-{environment}")
        taken = [line for line in changed if line.startswith("-")]
        assert taken in ([], ["-  enabled: false"]), changed
        await site.merged(f"database-{environment}")
        objects = rendered(site.clone, environment)
        claim, kept, read = objects["Postgres"], objects["PushSecret"], objects["ExternalSecret"]
        assert claim["metadata"]["name"] == f"{NAME}-{short}"
        assert claim["spec"]["parameters"]["deletionProtection"] == (environment == "production")
        [schema] = yaml.safe_load_all((bundled.skeletons() / "crossplane-postgres/v1/definition.yaml").read_text())
        checking.refuse_unless_valid(definition(schema, "Postgres"), claim)
        assert definitions.problems(kept) == []
        assert claim["spec"]["writeConnectionSecretToRef"]["name"] == kept["spec"]["selector"]["secret"]["name"]
        keys = {one["match"]["remoteRef"]["remoteKey"] for one in kept["spec"]["data"]}
        assert keys == {read["spec"]["dataFrom"][0]["extract"]["key"]}
        [container] = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
        assert {"secretRef": {"name": read["spec"]["target"]["name"]}} in container["envFrom"]
    entities = list(yaml.safe_load_all((site.clone / "catalog-info.yaml").read_text()))
    component = next(one for one in entities if one["kind"] == "Component")
    names = [one["metadata"]["name"] for one in entities if one["kind"] == "Resource"]
    assert names == [f"{NAME}-staging-database", f"{NAME}-prod-database"]
    assert component["spec"]["dependsOn"] == [f"resource:default/{name}" for name in names]


async def test_what_is_there_already_is_not_overwritten(site: Platform) -> None:
    asked = {**SERVICE, "environment": "staging", "size": "small"}
    await site.run(PATH, asked)
    assert f"{site.sandbox.url}/{platform.SLUG}/pull/1 is open" in (await site.run(PATH, asked)).error
    await site.merged("database-staging")
    again = await site.run(PATH, {**asked, "size": "large"})
    assert f"{NAME} has a database in staging already" in again.error
    values = site.clone / "deploy/staging/values.yaml"
    values.write_text(values.read_text().replace("  enabled: true", "  enabled: false", 1))
    await site.commit("Without its database for a while")
    again = await site.run(PATH, {**asked, "size": "large"})
    assert "chart/templates/postgres-staging.yaml is there already" in again.error
    assert "class: db.t4g.micro" in (site.clone / "chart/templates/postgres-staging.yaml").read_text()
