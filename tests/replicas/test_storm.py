"""Faults at random while tasks run and the catalog changes. ``./dev chaos`` does the same for longer."""

import os
from pathlib import Path

import pytest

from tests.effort import CHAOS_SECONDS
from tests.replicas import checks
from tests.replicas.cluster import cluster
from tests.replicas.storm import Storm, summary
from tests.storage.postgres import Postgres

SEED = int(os.environ.get("BACKSTAGE_PY_CHAOS_SEED", "13"))


@pytest.mark.thorough
@pytest.mark.xdist_group("replicas")
@pytest.mark.timeout(CHAOS_SECONDS + 1200)
async def test_a_storm_of_faults_loses_nothing_and_doubles_nothing(lasting_server: Postgres, tmp_path: Path) -> None:
    async with cluster(lasting_server, tmp_path, "storm", 3) as running:
        storm = Storm(running, SEED, CHAOS_SECONDS)
        found = await storm.run()
        assert not found, f"{summary(storm)}\n{checks.report(running, found)}"
    assert storm.faults.total() > CHAOS_SECONDS / 10
