from dataclasses import replace
from pathlib import Path

import pytest

from backstage_py.errors import InputError, NotAllowedError, NotFoundError
from backstage_py.sandbox.server import Sandbox
from tests.actions.harness import Task

TEMPLATE = "https://github.com/acme/templates/blob/main/go/template.yaml"


@pytest.fixture
async def task_by_url(github_task: Task, sandbox: Sandbox, tmp_path: Path) -> Task:
    """A task whose template lies in a repository of ``github.com``."""
    author = Task(tmp_path / "author", github_task.services)
    root = author.workspace.root
    for name, content in {
        "go/skeleton/${{ values.name }}.txt": "${{ values.name }}",
        "shared/LICENSE": "free",
        "go/run.sh": "#!",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (root / "go/run.sh").chmod(0o755)
    await author.run("publish:github", {"repoUrl": "github.com?owner=acme&repo=templates"})
    return replace(github_task, base_url=TEMPLATE)


async def test_relative_urls_are_read_from_the_templates_repository(task_by_url: Task) -> None:
    task = task_by_url
    await task.run("fetch:template", {"url": "./skeleton", "values": {"name": "shop"}})
    await task.run("fetch:plain", {"url": "../shared", "targetPath": "docs"})
    await task.run("fetch:plain:file", {"url": "../shared/LICENSE", "targetPath": "LICENSE"})
    given = {"url": "./skeleton/${{ values.name }}.txt", "targetPath": "one.txt", "values": {"name": "one"}}
    await task.run("fetch:template:file", given)
    assert task.tree() == {"LICENSE": b"free", "docs/LICENSE": b"free", "one.txt": b"one", "shop.txt": b"shop"}
    assert sorted(path.name for path in task.workspace.root.parent.iterdir()) == ["template", "workspace"]


async def test_relative_urls_do_not_leave_the_repository(task_by_url: Task) -> None:
    with pytest.raises(NotAllowedError, match="leads out of the repository"):
        await task_by_url.run("fetch:plain", {"url": "../../../../other/repo/tree/main"})


async def test_user_tokens_are_a_must_for_relative_urls_by_the_host_they_lead_to(task_by_url: Task) -> None:
    task_by_url.configured(scaffolder={"requireScmUserCredentials": True})
    with pytest.raises(InputError, match=r"No user credentials provided for host github\.com"):
        await task_by_url.run("fetch:plain", {"url": "../shared"})
    with pytest.raises(NotAllowedError, match="leads out of the repository"):
        await task_by_url.run("fetch:plain", {"url": "../../../../other/repo/tree/main"})


async def test_what_is_not_there_is_named_and_leaves_nothing_behind(task_by_url: Task) -> None:
    task = task_by_url
    with pytest.raises(NotFoundError):
        await task.run("fetch:plain", {"url": "https://github.com/acme/none/tree/main"})
    with pytest.raises(NotAllowedError, match=r"backend\.reading\.allow"):
        await task.run("fetch:plain", {"url": "https://elsewhere.example/x"})
    assert sorted(path.name for path in task.workspace.root.parent.iterdir()) == ["template", "workspace"]
