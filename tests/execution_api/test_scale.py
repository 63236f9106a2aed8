"""Many steps at once while nearly everything goes wrong; ``.ci/proof`` has 5,000 of them."""

from pathlib import Path

import pytest

from tests.execution_api import scale
from tests.integrations.kube_server import Parts


@pytest.mark.thorough
async def test_each_step_completes_once_whatever_happens(parts: Parts, tmp_path: Path) -> None:
    found = await scale.run(parts, tmp_path, 80)
    assert found.ended == {"completed": 80}, found
    assert len(found.made) == len(set(found.made)) == 80, found
    assert found.jobs_left == 0, found
    assert min(found.lines) >= 3, found
