import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.execution_api import stage
from tests.execution_api.stage import Stage
from tests.integrations import kube_server
from tests.integrations.kube_server import Parts


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with tempfile.TemporaryDirectory() as folder, kube_server.parts(Path(folder)) as running:
        yield running


@pytest.fixture
async def on(parts: Parts, tmp_path: Path) -> AsyncIterator[Stage]:
    """An executor on the API server, with a kubelet that a test tells what to do."""
    async with stage.on_its_own(parts, tmp_path) as (_, found):
        yield found
