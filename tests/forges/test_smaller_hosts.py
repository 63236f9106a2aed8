"""The same step sends Gitea and Gerrit the same requests as Backstage's modules do, and leaves the same.

What the modules sent was recorded by ``tests.forges.record``; ``ours`` and ``theirs`` name what differs on purpose.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.forges import differences
from tests.forges.kinds import KINDS, Kind

BY_NAME = {kind.name: kind for kind in KINDS}
RECORDED = [(name, case) for name in ("gitea", "gerrit") for case in differences.table(name)]
_CHANGE = re.compile(r"I[0-9a-f]{40}")


def services(kind: Kind, url: str, token: str) -> Services:
    """What actions get of a configuration whose hosts are the stand-in."""
    [(name, hosts)] = kind.integrations(url, token).items()
    made = [ScmIntegration(name, one["host"], "", None, None, None, one) for one in hosts]
    return Services(integrations=ScmRegistry(made), config={})


def ours(requests: list[Any]) -> list[Any]:
    """Our requests: the description is set behind the creation, and what was pushed is asked for with credentials."""
    found: list[Any] = []
    for method, path, query, body, kind in requests:
        if method == "GET" and re.fullmatch(r"repos/[^/]+/[^/]+/branches/[^/]+", path):
            continue
        if isinstance(text := (body or {}).get("description"), str) and text.startswith("Being made by the scaffolder"):
            found.append([method, path, query, {k: v for k, v in body.items() if k != "description"}, kind])
        elif set(body or {}) == {"description"}:
            found[-1][3] |= body if body["description"] else {}
        else:
            found.append([method, path, query, body, kind])
    return found


def theirs(case: Any) -> list[Any]:
    """Their requests, without the page that they wait for; we refuse what cannot be signed before all requests."""
    if "Signing commits is enabled" in (case["error"] or {}).get("message", ""):
        return []
    sent = [one for one in case["requests"] if "/src/branch/" not in one[1]]
    if case["error"] and sent and sent[-1][3]:  # what was not created gets no description from us
        sent[-1][3].pop("description", None)
    return sent


def left(case: Any) -> Any:
    """What they left, without what they create before they find that there is no key."""
    if case["name"] == "no key":
        return {name: trees for name, trees in case["left"].items() if trees or name == "owner/taken"}
    return case["left"]


def own_words(message: str) -> str:
    """What the module says before it quotes the host; ``${host}`` is a slip of its own."""
    words = re.split(r" \d{3} |\$\{|origin/", message.removeprefix("Could not find "))[0]
    return "" if words.startswith("nope") else words.strip()


@pytest.fixture
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    async with BY_NAME[request.param].serve(tmp_path / "host") as running:
        yield running


@pytest.mark.thorough(sample=12)
@pytest.mark.parametrize(
    ("host", "case"), RECORDED, indirect=["host"], ids=[f"{case['action']} {case['name']}" for _, case in RECORDED]
)
async def test_the_same_step_sends_the_same_requests(case: Any, host: Any, tmp_path: Path) -> None:
    kind = BY_NAME["gitea" if case["action"] == "publish:gitea" else "gerrit"]
    task = Task(tmp_path / "task", services(kind, host.base.url, host.base.token))
    task.configured(scaffolder=case["config"])
    await kind.scene(host, task.workspace.root)
    try:
        result, error = await task.run(case["action"], case["input"], dry_run=case["dry"], unchecked=True), None
    except BackstageError as raised:
        result, error = None, raised
    assert ours(differences.requests(host.base)) == theirs(case)
    assert await differences.left(host.base) == left(case)
    if case["error"]:
        assert error is not None
        assert error.message.startswith(own_words(case["error"]["message"]))
        return
    assert error is None, error
    assert result is not None
    outputs = differences.same(host.base, result.outputs)
    assert _comparable(outputs, case["dry"]) == _comparable(case["output"], case["dry"])


def _comparable(outputs: dict[str, Any], dry: bool) -> dict[str, str]:
    """Outputs without what is random or has a time in it, but for its shape."""
    shown = {name: _CHANGE.sub("I…", str(value)) for name, value in outputs.items()}
    if not dry and "commitHash" in shown:
        assert len(shown["commitHash"]) == 40
        shown["commitHash"] = ""
    return shown
