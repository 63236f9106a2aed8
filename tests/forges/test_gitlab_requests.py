"""The same step sends GitLab the same requests as Backstage's own module does, and leaves the same.

What the module sent was recorded by ``tests.forges.record``; ``Ours`` names what differs on purpose.
"""

import re
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from tests.actions.harness import Task
from tests.forges import differences, gitlab_cases
from tests.forges.gitlab_world import Gitlab

_COMMENT = re.compile(r"(?:\n\n)?<!-- scaffolder task: \S+ -->")
RECORDED = differences.table("gitlab")


def plain(body: Any) -> Any:
    """A body without the marks by which a task knows its own."""
    if not isinstance(body, dict) or not isinstance(text := body.get("description"), str):
        return body
    if text.startswith("Being made by the scaffolder ("):
        return {name: value for name, value in body.items() if name != "description"}
    return body | {"description": _COMMENT.sub("", text)}


def described(requests: list[Any]) -> list[Any]:
    """Requests with the description, which a task sets behind the creation, where the module sends it."""
    found: list[Any] = []
    for method, path, query, body, kind in requests:
        if method == "PUT" and re.fullmatch(r"projects/[^/]+", path) and set(body) == {"description"}:
            found[-1][3] |= body if body["description"] else {}
        else:
            found.append([method, path, query, body, kind])
    return found


def own_words(message: str) -> str:
    """What the module says before it quotes its client or GitLab."""
    if message.startswith(("4", "invalid_token", "insufficient_scope", "HTTP")):
        return ""
    before = re.split(r"[^.: ]*Gitbeaker|\{", message)[0].replace("InputError: ", "")
    return re.sub(r"http://127.0.0.1:\d+", "<host>", before).strip()


def ids(case: Any) -> str:
    return f"{case['action']} {case['name']}"


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize("case", RECORDED, ids=ids)
async def test_the_same_step_sends_the_same_requests(case: Any, gitlab: Gitlab, gitlab_task: Task) -> None:
    task, url = gitlab_task, gitlab.base.url
    task.configured(scaffolder=case["config"])
    await gitlab_cases.scene(gitlab, task.workspace.root)
    try:
        result, error = await task.run(case["action"], case["input"], dry_run=case["dry"], unchecked=True), None
    except BackstageError as raised:
        result, error = None, raised
    assert described(differences.requests(gitlab.base, plain)) == case["requests"]
    if case["error"]:
        assert error is not None
        assert error.message.replace(url, "<host>").startswith(own_words(case["error"]["message"]))
        return
    assert error is None
    assert result is not None
    outputs = differences.same(gitlab.base, result.outputs)
    if case["action"] == "publish:gitlab":
        assert outputs.pop("commitHash", None) is None or "commitHash" in case["output"]  # has a time in it
        case = case | {"output": {k: v for k, v in case["output"].items() if k != "commitHash"}}
    assert outputs == case["output"]
    assert await differences.left(gitlab.base) == case["left"]
