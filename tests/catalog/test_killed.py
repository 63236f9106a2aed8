"""A catalog that is killed at any moment resumes without losing or doubling an entity."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backstage_py.settings.sections import CatalogLocation
from tests.catalog.harness import catalog, component, documents, group, location, ref_of

ENTITIES = 1500
FILES = 5


def write_catalog(folder: Path) -> Path:
    files = []
    for number in range(FILES):
        names = [f"c-{n}" for n in range(number, ENTITIES, FILES)]
        (folder / f"{number}.yaml").write_text(documents(*(component(name) for name in names)))
        files.append(f"./{number}.yaml")
    (folder / "org.yaml").write_text(group("team-a"))
    root = folder / "all.yaml"
    root.write_text(location("all", *files, "./org.yaml"))
    return root


def killed_after(folder: Path, root: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "tests.catalog.killable_catalog", str(folder), str(root)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not (folder / "catalog.sqlite-catalog.lock").exists() and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_killed_again_and_again_everything_is_there_once(tmp_path: Path, seed: int) -> None:
    root = write_catalog(tmp_path)
    moments = random.Random(seed)
    for _ in range(4):
        killed_after(tmp_path, root, moments.uniform(0.0, 0.6))
        lock = tmp_path / "catalog.sqlite-catalog.lock"
        lock.unlink(missing_ok=True)  # so that the next round waits for its own process
    async with catalog(tmp_path, locations=(CatalogLocation("file", str(root)),)) as world:
        texts = [json.loads(text) for text in await world.service.reader.all(None)]
        refs = [ref_of(entity) for entity in texts]
        assert len(refs) == len(set(refs))
        assert {ref for ref in refs if ref.startswith("component")} == {
            f"component:default/c-{n}" for n in range(ENTITIES)
        }
        assert all(
            entity["relations"] == [{"type": "ownedBy", "targetRef": "group:default/team-a"}]
            for entity in texts
            if entity["kind"] == "Component"
        )
        owned = (await world.entity("group:default/team-a"))["relations"]
        assert sorted(one["targetRef"] for one in owned) == sorted(ref for ref in refs if ref.startswith("component"))
        facets = await world.service.reader.facets(["kind"], None)
        assert ("Component", ENTITIES) in facets["kind"]
