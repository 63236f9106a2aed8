"""One database server and one group of replicas for the tests of a module: what takes seconds is started once."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.replicas.checks import Chapter
from tests.replicas.cluster import Cluster, cluster
from tests.replicas.stage import Stage
from tests.storage.postgres import Postgres, postgres

REPLICAS = 3


@pytest.fixture(scope="module")
def lasting_server() -> Iterator[Postgres]:
    """A server that forgets nothing when it ends at once."""
    with postgres(is_lasting=True) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def replicas(
    lasting_server: Postgres, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Cluster]:
    """Three replicas."""
    name = request.module.__name__.rpartition(".")[2]
    async with cluster(lasting_server, tmp_path_factory.mktemp(name), name, REPLICAS) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def stage(replicas: Cluster) -> AsyncIterator[Stage]:
    """A chapter of its own for a test; at its end everything is looked at."""
    acting = Stage(replicas, Chapter.begun(replicas))
    yield acting
    await acting.check()
