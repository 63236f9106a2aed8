"""The same step changes the same on GitHub as Backstage's own module does, by the same requests, and leaves the same.

What the module sent was recorded by ``tests.forges.record``; ``OURS`` names what differs on purpose.
"""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from backstage_py.errors import BackstageError
from tests.actions.harness import REGISTRY, Task
from tests.forges import comparing, differences, github_cases
from tests.forges.github_host import Github

_PULL = "publish:github:pull-request"
OURS = {
    f"{_PULL} never proposed": "the branch may have the only copy of somebody's work: it is refused",
    f"{_PULL} update of never proposed": "for the same reason the commit comes on top of it",
    f"{_PULL} many": "GitHub takes ten, so ten are sent",
}
NO_BRANCH_HAS_IT = {
    f"{_PULL} nothing": "the module makes a commit before it looks whether there is anything to propose",
    f"{_PULL} nothing, open": "the same",
    f"{_PULL} open": "the module makes a commit before it looks whether a pull request is open",
}

REFUSED = {f"github:repo:create example {number}" for number in (11, 13, 22, 30, 31, 37, 45, 51, 55)}
"""Examples whose collaborators or secrets have a shape that the module's own schema refuses: no step gets that far."""
CASES = [case for case in differences.table("github") if comparing.ids(case) not in REFUSED]


def settled(requests: list[Any]) -> list[Any]:
    """Requests with the description in the creation, where the module sends it; a task sets it behind that."""
    found: list[Any] = []
    for method, path, query, body in requests:
        if method == "PATCH" and found and found[-1][0] == "POST" and found[-1][1].endswith("/repos"):
            found[-1][3] |= {"description": body["description"]} if body["description"] else {}
        else:
            found.append([method, path, query, comparing.plain(body)])
    return found


def recorded(case: Any) -> list[Any]:
    """What the module sent, without a commit that no branch has."""
    unseen = comparing.ids(case) in NO_BRANCH_HAS_IT
    return [one for one in case["requests"] if not (unseen and one[1].endswith("/git/commits"))]


@pytest.mark.thorough(sample=8)
@pytest.mark.parametrize("case", CASES, ids=comparing.ids)
async def test_the_same_step_sends_github_the_same(case: Any, github: Github, github_task: Task) -> None:
    github_task.configured(scaffolder=dict(case["config"]))
    github.base.about = case["action"]
    await github_cases.scene(github, github_task.workspace.root)
    result, error = None, None  # an example may lack what the schema wants, so it is not asked
    try:
        result = await github_task.run(case["action"], case["input"], dry_run=case["dry"], unchecked=True)
    except BackstageError as raised:
        error = raised
    sent = settled(github_cases.comparable(differences.requests(github.base)))
    if comparing.ids(case) in OURS:
        assert sent != recorded(case), "it is no difference any more"
        return
    assert sent == recorded(case)
    assert bool(error) == bool(case["error"]), error or case["error"]
    if result:
        outputs = json.loads(json.dumps(differences.same(github.base, result.outputs)))
        assert github_cases.plain(outputs) == case["output"]
    assert await differences.left(github.base) == case["left"]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_left_out_is_refused_before_it_is_run(name: str) -> None:
    [case] = [one for one in differences.table("github") if comparing.ids(one) == name]
    assert list(Draft7Validator(REGISTRY.get(case["action"]).input_schema).iter_errors(case["input"]))
