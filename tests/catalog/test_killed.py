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
from tests import patience
from tests.catalog.harness import catalog, component, documents, group, location, ref_of
from tests.effort import IS_THOROUGH
from tests.storage.postgres import postgres

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


def killed_after(folder: Path, root: Path, url: str | None, seconds: float) -> None:
    started = folder / "started"
    started.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.catalog.killable_catalog", str(folder), str(root), *([url] if url else [])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    patience.wait(started.exists, "it has started", pause=0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2, 3] if IS_THOROUGH else [1])
async def test_killed_again_and_again_everything_is_there_once(tmp_path: Path, seed: int) -> None:
    await everything_is_there_once(tmp_path, seed, None)


@pytest.mark.thorough
@pytest.mark.xdist_group(__name__)
async def test_killed_again_and_again_on_postgresql(tmp_path: Path) -> None:
    with postgres() as server:
        for seed in (1, 2) if IS_THOROUGH else (1,):
            folder = tmp_path / str(seed)
            folder.mkdir()
            await everything_is_there_once(folder, seed, server.new_database(f"killed_{seed}"))


async def everything_is_there_once(folder: Path, seed: int, url: str | None) -> None:
    root = write_catalog(folder)
    moments = random.Random(seed)
    for _ in range(5):
        killed_after(folder, root, url, moments.uniform(0.0, 1.2))
    async with catalog(folder, locations=(CatalogLocation("file", str(root)),), database_url=url) as world:
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
