"""The Python service that path 1 produces: it passes its own checks and tests, in the environment of its lock."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cluster import waiting
from tests.golden_paths import process, produced, queries, workflows
from tests.golden_paths.python_service import Service
from tests.storage.postgres import postgres

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.xdist_group("Python service"),
    pytest.mark.timeout(900),
]  # one environment a run


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, python_environment: Path) -> Service:
    return Service(
        produced.produce(produced.skeleton("python"), tmp_path_factory.mktemp("service")), python_environment
    )


def test_its_pipeline_passes(service: Service) -> None:
    """Tests, linters, types, and the API's document: as the workflow runs them, one after the other."""
    steps = workflows.jobs(service.folder / ".github/workflows/ci.yaml")["test"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    done = [service.run("bash", "-ec", one) for one in commands if not re.search(r"^pip |\bhelm\b", one)]
    assert len(done) == len(commands) - 2
    assert any(re.search(r"^=* ?\d+ passed", said, re.MULTILINE) for said in done)


_SCRAPE = """
from fastapi.testclient import TestClient
from service.app import create_app
from service.settings import Settings

with TestClient(create_app(Settings())) as client:
    assert client.get("/").status_code == 200
    print(client.get("/metrics").text)
"""


def test_what_dashboard_and_alerts_ask_is_what_it_exports(service: Service) -> None:
    assert queries.unmet(service.folder, service.run("python", "-c", _SCRAPE)) == []


def test_an_endpoint_more_is_a_file_more(service: Service, tmp_path: Path) -> None:
    more = service.folder / "service/routes/greetings.py"
    more.write_text(
        "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
        '@router.get("/greetings/{name}")\nasync def greet(name: str) -> str:\n    return f"Hello {name}"\n'
    )
    try:
        assert "/greetings/{name}:" in service.run("python", "-m", "service.openapi")
        with pytest.raises(AssertionError, match=r"\+  /greetings/\{name\}:"):
            service.run("python", "-m", "service.openapi", "--check", "openapi.yaml")
    finally:
        more.unlink()


_ORDERS = """
from fastapi import APIRouter

from service.database import Connection

router = APIRouter()


@router.get("/orders")
async def orders(database: Connection) -> list[str]:
    return [one["name"] for one in await database.fetch("SELECT current_user AS name")]
"""


def test_it_asks_its_database_and_is_ready_while_that_answers(service: Service, tmp_path: Path) -> None:
    folder = produced.produce(produced.skeleton("python"), tmp_path / "service")
    (folder / "service/routes/orders.py").write_text(_ORDERS, encoding="utf-8")
    program = tmp_path / "run"
    program.write_text(f"#!/bin/sh\ncd {folder} && exec {service.environment}/bin/python -m service\n")
    program.chmod(0o755)
    with postgres() as server:
        variables = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": "test", "PGDATABASE": "postgres"}
        with process.running(program, **variables) as running:
            waiting.until(lambda: running.get("/readyz").status == 200, "it is ready")
            assert running.get("/orders").body == '["test"]'
            server.stop()
            assert running.get("/readyz").body == '{"status":"no database"}'
            assert running.get("/healthz").status == 200
            server.start()
            waiting.until(lambda: running.get("/readyz").status == 200, "it is ready again")
            waiting.until(lambda: running.get("/orders").body == '["test"]', "and asks again")


@pytest.mark.parametrize(("lock", "groups"), [("requirements.txt", ()), ("requirements-dev.txt", ("dev",))])
def test_what_it_needs_is_locked_with_checksums(lock: str, groups: tuple[str, ...]) -> None:
    skeleton = produced.skeleton("python")
    entries = re.split(r"\n(?=\S)", (skeleton / lock).read_text(encoding="utf-8"))
    locked = {}
    for entry in entries:
        if not entry.startswith("#"):
            assert "--hash=sha256:" in entry, entry
            one = Requirement(entry.partition("\\")[0])
            locked[canonicalize_name(one.name)] = str(one.specifier).removeprefix("==")
    project = tomllib.loads((skeleton / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [
        *project["project"]["dependencies"],
        *(one for name in groups for one in project["dependency-groups"][name]),
    ]
    for one in map(Requirement, needed):
        assert one.specifier.contains(locked[canonicalize_name(one.name)], prereleases=True), one


def test_its_pythons_agree() -> None:
    skeleton = produced.skeleton("python")
    version = (skeleton / ".python-version").read_text(encoding="utf-8").strip()
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)", (skeleton / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert images == [f"python:{version}-slim-trixie", "gcr.io/distroless/python3-debian13:nonroot"]
    assert f"image: python:{version}-slim-trixie" in (skeleton / ".gitlab-ci.yml").read_text(encoding="utf-8")
