"""Replicas of the version before beside those of this one: during an upgrade, and after it is taken back."""

import secrets
from pathlib import Path

import pytest

from tests.replicas import faults
from tests.replicas.checks import Chapter
from tests.replicas.cluster import cluster
from tests.replicas.replica import ROOT
from tests.replicas.revisions import previous
from tests.replicas.stage import Stage
from tests.storage.postgres import Postgres

pytestmark = [pytest.mark.xdist_group("replicas"), pytest.mark.timeout(1200)]


@pytest.mark.thorough
async def test_versions_run_side_by_side_during_an_upgrade_and_after_it_was_taken_back(
    lasting_server: Postgres, tmp_path: Path
) -> None:
    old = previous(tmp_path / "old")
    keys = {
        "scaffolder": {"secretsKey": secrets.token_hex(32)},
        "auth": {"keyFile": str(tmp_path / "signing-key.pem")},
    }
    async with cluster(lasting_server, tmp_path, "upgrade", 2, keys, source=old) as running:
        first, second = running.replicas
        stage = Stage(running, Chapter.begun(running))
        await stage.under_way()
        first.source = ROOT
        await faults.roll(running, first)  # makes new tables, and goes on with what the old ones have begun
        await stage.ended()
        await stage.under_way()
        second.source = ROOT
        await faults.kill(running, second, 0)  # its tasks are taken over by the new version
        await stage.ended()
        await stage.under_way(effects=3)  # the first step and more have completed
        first.source = old
        await faults.roll(running, first)  # one is taken back, and the version before goes on with what it had begun
        await stage.ended()
        await stage.under_way(effects=3)
        second.source = old
        await faults.kill(running, second, 0)  # the version before takes over its tasks
        await stage.check(shares_catalog=False)  # the version before knows no leases of it
