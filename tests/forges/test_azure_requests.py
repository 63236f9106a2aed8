"""The same step sends Azure DevOps the same requests as Backstage's modules do, and leaves the same.

What the modules sent was recorded by ``tests.forges.record``.
"""

from typing import Any

import pytest

from tests.actions.harness import Task
from tests.forges import azure_cases, comparing
from tests.forges.azure_host import Azure
from tests.forges.differences import table


def known(outputs: Any) -> Any:
    """Outputs without what has a moment in it; the module has a number for a run that has not ended."""
    words = {"pipelineRunStatus": "Unknown"} if outputs.get("pipelineRunStatus") == 0 else {}
    return {name: value for name, value in outputs.items() if name != "commitHash"} | words


@pytest.mark.thorough(sample=10)
@pytest.mark.parametrize("case", [*table("azure"), *table("azure-devops")], ids=comparing.ids)
async def test_the_same_step_sends_azure_the_same(case: Any, azure: Azure, azure_task: Task) -> None:
    await comparing.compare(case, azure, azure_task, azure_cases.scene, known=known)
