import asyncio

import pytest

from backstage_py.errors import PermanentError
from tests import patience
from tests.actions.harness import Task


async def test_input_and_message_are_logged_as_backstage_does(task: Task) -> None:
    result = await task.run("debug:log", {"message": "Hällo"})
    assert result.log.messages == ['{\n  "message": "Hällo"\n}', "Hällo"]


async def test_the_workspace_is_listed(task: Task) -> None:
    root = task.workspace.root
    (root / "src/demo").mkdir(parents=True)
    (root / "src/demo/index.js").write_text("x")
    (root / "README.md").write_text("readme")
    (root / "zz").symlink_to("/etc/passwd")
    result = await task.run("debug:log", {"listWorkspace": True})
    assert result.log.messages[1] == "Workspace:\n  - README.md\n  - src/demo/index.js\n  - zz"
    result = await task.run("debug:log", {"listWorkspace": "with-contents"})
    assert result.log.messages[1] == (
        "Workspace:\n - README.md:\n\n  readme\n - src/demo/index.js:\n\n  x\n - zz: [skipped]"
    )


async def test_waiting_ends_when_the_task_is_cancelled(task: Task) -> None:
    running = asyncio.ensure_future(task.run("debug:wait", {"minutes": 5}))
    await asyncio.sleep(0.01)
    assert not running.done()
    task.signal.set()
    async with patience.bounded():
        await running


async def test_waiting_is_bounded(task: Task) -> None:
    await task.run("debug:wait", {"milliseconds": 1})
    await task.run("debug:wait", {})
    with pytest.raises(PermanentError, match="longer than the maximum threshold"):
        await task.run("debug:wait", {"minutes": 10, "milliseconds": 1})
