"""The calls that were recorded against a real Backstage, replayed against this service."""

from typing import Any

import pytest

from backstage_py.model.json import JsonObject
from tests.contract.harness import recorded
from tests.contract.releases import LATER_ACTIONS, NEWEST, OTHERWISE, OWN_ACTIONS, OWN_WORDS, RELEASE
from tests.forges.differences import HOSTS, table

pytestmark = pytest.mark.xdist_group("kit")  # one replay for all of them: its port is fixed

GROUPS = ("auth", "permission", "root", "nothing", "scaffolder", "catalog")


def differences(verdict: JsonObject) -> list[str]:
    """Return what differs, texts included; charset and ETag are only noted by the kit."""
    judged = {"contract"} if verdict["name"] in OWN_WORDS else {"contract", "message"}
    return [
        f"{one['at']}: expected {one['expected']!r}, got {one['actual']!r}"
        for one in verdict["differences"]
        if one["category"] in judged
    ]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", [one["name"] for one in recorded(*GROUPS)])
def test_the_answer_is_backstages(replayed: dict[str, Any], name: str) -> None:
    found = differences(replayed[name])
    if name in OTHERWISE[RELEASE]:
        assert found, "the reviewed list names a call that does not differ"
    else:
        assert found == []


@pytest.mark.parametrize("name", ["actions", "cors-get"])
def test_the_actions_that_only_this_service_has_are_reviewed(replayed: dict[str, Any], name: str) -> None:
    extra = {one["at"][1:] for one in replayed[name]["differences"] if one["category"] == "note"}
    of_modules = {one["id"] for host in HOSTS for one in table(f"{host}-actions")}  # the recorded backend had fewer
    assert extra == OWN_ACTIONS | of_modules | LATER_ACTIONS[RELEASE]


@pytest.mark.parametrize("release", [NEWEST, "1.55.0"])
def test_the_reviewed_lists_are_about_recorded_calls(release: str) -> None:
    names = {one["name"] for one in recorded(*GROUPS, release=release)}
    assert len(names) == 175  # as many as each set has
    assert set(OTHERWISE[release]) | OWN_WORDS <= names
