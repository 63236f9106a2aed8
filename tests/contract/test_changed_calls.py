"""The calls that show what changed in the newest release are answered as that release answers them."""

import json
from typing import Any

import pytest

from tests.contract.harness import KIT
from tests.contract.releases import NEWEST

pytestmark = pytest.mark.xdist_group("kit")  # its port is fixed

ANSWERS: dict[str, Any] = json.loads((KIT / "changes" / f"{NEWEST}.json").read_text(encoding="utf-8"))


def addressed(answer: Any) -> Any:
    """Return the answer without the address of the service that gave it."""
    issuer = answer["body"].get("issuer") if isinstance(answer.get("body"), dict) else None
    return json.loads(json.dumps(answer).replace(issuer, "<<issuer>>")) if issuer else answer


@pytest.mark.thorough(sample=15)
@pytest.mark.parametrize("name", list(ANSWERS))
def test_the_answer_is_that_of_the_newest_release(changed: dict[str, Any], name: str) -> None:
    assert addressed(changed[name]) == addressed(ANSWERS[name])
