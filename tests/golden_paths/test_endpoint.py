"""Path 4, Add an API endpoint: the pull requests, and what the services are when they are merged."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from tests.golden_paths import platform, produced, toolchain
from tests.golden_paths.platform import Platform
from tests.golden_paths.produced import NAME
from tests.golden_paths.python_service import Service

pytestmark = pytest.mark.thorough
PATH = "add-endpoint"
GET: dict[str, str] = {"name": "greetings", "method": "GET", "path": "/greetings", "summary": "Greets all"}
ENDPOINTS = (
    GET,
    {"name": "order", "method": "GET", "path": "/orders/{order_id}", "summary": "One order"},
    {"name": "new-order", "method": "POST", "path": "/orders", "summary": "Makes an order, if there is stock (so far)"},
    {
        "name": "order-line-of-a-customer-again",
        "method": "PUT",
        "path": "/orders/{order_id}/lines/{line_of_customer_id}",
        "summary": f"Changes a customer's line {'x' * 44}",
    },
    {"name": "drop-order", "method": "DELETE", "path": "/orders/{order_id}", "summary": "Drops an order"},
    {"name": "orders-of-today", "method": "GET", "path": "/orders/today", "summary": "All orders of today"},
)


@asynccontextmanager
async def running(folder: Path, language: str) -> AsyncIterator[Platform]:
    source = produced.produce(produced.skeleton(language), folder / "clone")
    async with platform.running(folder / "platform", source) as site:
        yield site


async def added(site: Platform, endpoint: dict[str, str]) -> list[str]:
    """Run the path and merge its pull request; return what it changed."""
    ended = await site.run(PATH, {"service": f"component:default/{NAME}", **endpoint})
    assert "/pull/" in ended.output["links"][0]["url"]
    branch = f"endpoint-{endpoint['name']}"
    changed = await site.difference(branch)
    await site.merged(branch)
    return changed


def files(changed: list[str]) -> list[str]:
    return [line.removeprefix("+++ b/") for line in changed if line.startswith("+++ ")]


async def refusal(site: Platform, **other: str) -> str:
    return (await site.run(PATH, {"service": f"component:default/{NAME}", **GET, **other})).error


@pytest.mark.xdist_group("Python service")
async def test_a_python_service_with_more_endpoints_passes_its_own_checks(
    tmp_path: Path, python_environment: Path
) -> None:
    async with running(tmp_path, "python") as site:
        for endpoint in ENDPOINTS:
            changed = await added(site, endpoint)
            name = endpoint["name"].replace("-", "_")
            assert files(changed) == ["openapi.yaml", f"service/routes/{name}.py", f"tests/test_{name}.py"]
            assert not [line for line in changed if line.startswith("-")]
    service = Service(site.clone, python_environment)
    service.run("ruff", "check")
    service.run("ruff", "format", "--check")
    service.run("mypy")
    tests = [f"tests/test_{one['name'].replace('-', '_')}.py" for one in ENDPOINTS]
    service.run("pytest", "-q", "--no-cov", "tests/test_openapi.py", *tests)  # the others run in test_python_service.py


@pytest.mark.go
async def test_a_go_service_with_more_endpoints_passes_its_own_checks(tmp_path: Path) -> None:
    async with running(tmp_path, "go") as site:
        for endpoint in ENDPOINTS:
            changed = await added(site, endpoint)
            name = f"internal/api/{endpoint['name'].replace('-', '')}"
            assert files(changed) == [f"{name}.go", f"{name}_test.go", "openapi.yaml"]
            assert not [line for line in changed if line.startswith("-")]
        assert "internal/api/greetings.go is there already" in await refusal(site)
        assert "Document is a name of the package already" in await refusal(site, name="document", path="/document")
    assert toolchain.found(Path(__file__).parent).run("run", "gofmt/main.go", str(site.clone)) == ""
    go = toolchain.found(site.clone)
    go.run("vet", "./...")
    go.run("test", "-count=1", "./internal/api", "./internal/openapi")
    go.run("run", "./cmd/openapi", "-check")


async def test_what_is_there_already_is_named_and_stays(tmp_path: Path) -> None:
    async with running(tmp_path, "python") as site:
        site.write("service/routes/greetings.py", "# ours\n")
        site.write("tests/test_new_order.py", "# ours, too\n")
        await site.commit("Our own greetings")
        assert "service/routes/greetings.py is there already: choose another name" in await refusal(site)
        assert "tests/test_new_order.py is there already" in await refusal(site, name="new-order")
        await added(site, {**GET, "name": "order", "path": "/orders/{order_id}"})
        again = await refusal(site, name="another", path="/orders/{other_id}")
        assert "GET /orders/{other_id} is there already, as /orders/{order_id} of openapi.yaml" in again
        assert "/metrics is what the platform asks" in await refusal(site, name="numbers", path="/metrics")
        assert "two parts of the same name" in await refusal(site, name="twice", path="/{a_b}/{a_b}")
        assert (site.clone / "service/routes/greetings.py").read_text() == "# ours\n"
        assert len(await site.ask("/pulls?state=all")) == 1


async def test_what_would_not_run_beside_the_rest_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, "python") as site:
        await added(site, {**GET, "name": "order-body", "path": "/bodies"})
        assert "OrderBody is a schema of openapi.yaml already" in await refusal(
            site, name="order", method="POST", path="/orders"
        )
        await added(site, {**GET, "name": "latest", "path": "/orders/latest/{line_id}"})
        crossing = await refusal(site, name="status", path="/orders/{order_id}/status")
        assert "GET /orders/{order_id}/status and /orders/latest/{line_id} of openapi.yaml answer" in crossing
        for word in ("none", "true", "null", "yes", "base-model"):
            assert "means something else to Python or YAML" in await refusal(site, name=word, path="/words")
        assert "model_config is a word of pydantic" in await refusal(site, name="car", path="/cars/{model_config}")
        await added(site, {**GET, "name": "car", "path": "/cars/{model_id}/status"})  # two words more are none
        await added(site, {**GET, "name": "own", "method": "POST", "path": "/orders/{order_id}/status"})


async def test_a_service_without_an_api_in_the_catalog_gets_it(tmp_path: Path) -> None:
    async with running(tmp_path, "python") as site:
        entities = list(yaml.safe_load_all((site.clone / "catalog-info.yaml").read_text()))
        component = next(one for one in entities if one["kind"] == "Component")
        component["spec"].pop("providesApis")
        site.write("catalog-info.yaml", f"# ours\n{yaml.safe_dump(component, sort_keys=False)}")
        await site.commit("Without an API")
        changed = await added(site, GET)
        assert files(changed)[0] == "catalog-info.yaml"
        assert not [line for line in changed if line.startswith("-")]
        now, api = yaml.safe_load_all((site.clone / "catalog-info.yaml").read_text())
        assert now["spec"]["providesApis"] == [api["metadata"]["name"]]
        assert api["spec"]["definition"] == {"$text": "./openapi.yaml"}


async def test_a_service_in_another_language_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, "python") as site:
        await site.git("rm", "--quiet", "pyproject.toml")
        await site.commit("In Perl from now on")
        assert f"{NAME} has neither go.mod nor pyproject.toml" in await refusal(site)
