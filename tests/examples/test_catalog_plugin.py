"""Example 03: installed as a package of its own, and used by a running service."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from backstage_py.testing.catalog import process
from tests import patience
from tests.contract.harness import Running, running

_EXAMPLE: Final = Path(__file__).parents[2] / "examples/03-catalog-plugin"
OWNED = {"type": "ownedBy", "targetRef": "group:default/team-a"}


@dataclass(frozen=True)
class Site:
    """The service with the plugin installed."""

    service: Running
    machines: Path
    token: str

    def get(self, path: str) -> Any:
        request = urllib.request.Request(
            f"{self.service.url}/api/catalog{path}", headers={"authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def machines_when(self, count: int) -> dict[str, Any]:
        """Return the machines by name as soon as there are so many."""
        end = time.monotonic() + patience.SECONDS
        while True:
            found = {one["metadata"]["name"]: one for one in self.get("/entities?filter=kind=machine")}
            if len(found) == count:
                return found
            assert time.monotonic() < end, sorted(found)
            time.sleep(0.1)

    def component(self, name: str) -> dict[str, Any]:
        """Return a component as soon as the catalog has read it and knows its relations."""
        end = time.monotonic() + patience.SECONDS
        while True:
            found = self.get(f"/entities?filter=kind=component,metadata.name={name}")
            if found and found[0].get("relations"):
                component: dict[str, Any] = found[0]
                return component
            assert time.monotonic() < end, found
            time.sleep(0.1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("plugin")
    source = folder / "source"
    shutil.copytree(_EXAMPLE, source)
    installed = folder / "installed"
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(installed), str(source)], check=True
    )
    env = {
        "PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "MACHINES": str(source / "machines.csv"),
        "ENTITIES": str(source / "catalog-info.yaml"),
    }
    with running(folder, source / "app-config.yaml", env=env) as service:
        guest = urllib.request.Request(f"{service.url}/api/auth/guest/refresh", method="POST")
        with urllib.request.urlopen(guest) as answer:
            token = json.load(answer)["backstageIdentity"]["token"]
        yield Site(service, source / "machines.csv", token)


@pytest.mark.thorough
def test_machines_come_from_the_file_and_go_with_it(site: Site) -> None:
    found = site.machines_when(3)
    assert found["rack-2"]["spec"] == {"owner": "team-a", "system": "shop", "cores": 32}
    assert OWNED in found["rack-1"]["relations"]
    lines = site.machines.read_text().splitlines()
    site.machines.write_text("\n".join([*lines[:2], "rack-9,shop,team-a,64"]) + "\n")
    assert set(site.machines_when(2)) == {"rack-1", "rack-9"}


async def test_the_processor_with_the_test_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(_EXAMPLE)
    runbooks = importlib.import_module("machine_park.processor").Runbooks("https://runbooks.example")
    annotations = {"machine-park.example/runbook": "../secret"}
    spec = {"type": "service", "lifecycle": "production", "owner": "team-a"}
    head = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "spec": spec}
    result = await process({**head, "metadata": {"name": "web", "annotations": annotations}}, processors=[runbooks])
    assert result.problems == [
        "InputError: machine-park.example/runbook must be letters, digits and dashes, but it is '../secret'"
    ]
    annotations["machine-park.example/runbook"] = "web"
    result = await process({**head, "metadata": {"name": "web", "annotations": annotations}}, processors=[runbooks])
    assert result.entity["metadata"]["links"] == [{"url": "https://runbooks.example/web", "title": "Runbook"}]


def test_a_component_gets_the_link_to_its_runbook(site: Site) -> None:
    component = site.component("checkout")
    assert component["metadata"]["links"] == [{"url": "https://runbooks.example/checkout", "title": "Runbook"}]
    assert OWNED in component["relations"]
