"""A recorded step of Backstage's module, run by this service at the same stand-in and compared."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backstage_py.errors import BackstageError
from tests.actions.harness import Task
from tests.forges import differences

_PROVISIONAL = re.compile(r"^Being made by the scaffolder \(")
_ANSWER = re.compile(r",? ?\d{3} [A-Z][\w ]*(?:, ?\{.*)?$", re.DOTALL)


def ids(case: Any) -> str:
    return f"{case['action']} {case['name']}"


def plain(body: Any) -> Any:
    """A body without the mark by which a task knows its own repository."""
    if isinstance(body, dict) and _PROVISIONAL.match(str(body.get("description"))):
        return {name: value for name, value in body.items() if name != "description"}
    return body


def settled(requests: list[Any]) -> list[Any]:
    """Requests with the description in the creation, where modules send it; a task sets it behind that."""
    found: list[Any] = []
    for method, path, query, body, kind in requests:
        if method == "PUT" and found and found[-1][0] == "POST" and "description" in (body or {}):
            found[-1][3] |= {"description": body["description"]} if body["description"] else {}
        else:
            found.append([method, path, query, body, kind])
    return found


def own_words(message: str) -> str:
    """What a module says before it quotes the host; nothing where it trips over an answer that it did not expect."""
    if message.startswith("Cannot read properties of null"):
        return ""
    return _ANSWER.sub("", message).split(".\n")[0]


async def compare(
    case: Any,
    host: Any,
    task: Task,
    scene: Callable[[Any, Path], Awaitable[None]],
    *,
    ours: Mapping[str, str] = MappingProxyType({}),
    known: Callable[[Any], Any] = lambda outputs: outputs,
) -> None:
    """Run a step and assert that it sends, says and leaves what the module did.

    Args:
        case: as recorded.
        host: the stand-in.
        task: whose host it is.
        scene: what is there before.
        ours: cases in which the module fails by a fault of its own and this service goes on, with the reason.
        known: takes what has a moment in it out of outputs.
    """
    task.configured(scaffolder=case["config"])
    host.base.about = case["action"]
    await scene(host, task.workspace.root)
    try:
        result, error = await task.run(case["action"], case["input"], dry_run=case["dry"], unchecked=True), None
    except BackstageError as raised:
        if not case["error"] or ids(case) in ours:
            raise
        result, error = None, raised
    sent = settled(differences.requests(host.base, plain))
    if ids(case) in ours:
        assert sent[: len(case["requests"])] == case["requests"]
        assert len(sent) > len(case["requests"]), "it is no difference any more"
        return
    assert sent == case["requests"]
    if case["error"]:
        assert error is not None
        assert own_words(case["error"]["message"]) in error.message.replace(host.base.url, "<host>")
        return
    assert result is not None
    outputs = json.loads(json.dumps(differences.same(host.base, result.outputs)))
    assert known(outputs) == known(case["output"])
    assert await differences.left(host.base) == case["left"]
