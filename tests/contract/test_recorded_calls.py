"""The calls that were recorded against a real Backstage, replayed against this service."""

from typing import Any

import pytest

from backstage_py.model.json import JsonObject
from tests.contract.harness import recorded

pytestmark = pytest.mark.xdist_group("kit")  # one replay for all of them: its port is fixed

GROUPS = ("auth", "permission", "root", "nothing", "scaffolder", "catalog")


def is_action_of_ours(call: str, difference: JsonObject) -> bool:
    """Tell whether a difference is an action that was not installed when the calls were recorded."""
    return (
        call in {"actions", "cors-get"} and difference["expected"] == "(nothing)" and difference["at"].count("/") == 1
    )


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", [one["name"] for one in recorded(*GROUPS)])
def test_the_answer_is_backstages(replayed: dict[str, Any], name: str) -> None:
    verdict = replayed[name]
    differences = [
        f"{one['at']}: expected {one['expected']!r}, got {one['actual']!r}"
        for one in verdict["differences"]
        if one["category"] == "contract" and not is_action_of_ours(name, one)
    ]
    assert differences == []
