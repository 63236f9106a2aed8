"""The same step sends Bitbucket the same requests as Backstage's own modules do, and leaves the same.

What the modules sent was recorded by ``tests.forges.record``.
"""

import json
from typing import Any

import pytest

from tests.actions.harness import Task
from tests.forges import bitbucket_cloud_cases, bitbucket_server_cases, comparing
from tests.forges.bitbucket_cloud_host import Cloud
from tests.forges.bitbucket_server_host import Server
from tests.forges.differences import table

NO_MESSAGE = "the module has no message for the commit, and fails"
OURS = {
    f"publish:bitbucket{host}:pull-request example {number}": NO_MESSAGE
    for host in ("Cloud", "Server")
    for number in (0, 2, 3)
}


def known(outputs: Any) -> Any:
    """Outputs without what has a moment in it, and what only the module's client adds to an answer."""
    kept = {name: value for name, value in outputs.items() if name not in {"commitHash", "json"}}
    return kept | ({"data": json.loads(outputs["json"])["data"]} if "json" in outputs else {})


@pytest.mark.thorough(sample=6)
@pytest.mark.parametrize("case", table("bitbucket-cloud"), ids=comparing.ids)
async def test_the_same_step_sends_bitbucket_cloud_the_same(
    case: Any, bitbucket_cloud: Cloud, bitbucket_cloud_task: Task
) -> None:
    await comparing.compare(
        case, bitbucket_cloud, bitbucket_cloud_task, bitbucket_cloud_cases.scene, ours=OURS, known=known
    )


@pytest.mark.thorough(sample=6)
@pytest.mark.parametrize("case", table("bitbucket-server"), ids=comparing.ids)
async def test_the_same_step_sends_bitbucket_server_the_same(
    case: Any, bitbucket_server: Server, bitbucket_server_task: Task
) -> None:
    scene = bitbucket_server_cases.scene
    await comparing.compare(case, bitbucket_server, bitbucket_server_task, scene, ours=OURS, known=known)
