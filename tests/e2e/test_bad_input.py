"""Bad input, and a process that is killed: through the public HTTP API of a real ``backstage-py serve``."""

import signal
import sqlite3
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from backstage_py.cli.client import ApiClient, ApiError
from tests.e2e.service import RunningService

TEMPLATES = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: form}
spec:
  type: service
  owner: guests
  parameters:
    - required: [name]
      properties:
        name: {type: string, pattern: "^[a-z]+$"}
  steps:
    - {id: say, name: Say, action: debug:log, input: {message: "hello ${{ parameters.name }}"}}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: unknown-action}
spec:
  type: service
  owner: guests
  steps:
    - {id: nope, name: Nope, action: "nobody:wrote:this"}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: unreachable}
spec:
  type: service
  owner: guests
  steps:
    - {id: fetch, name: Fetch, action: "fetch:plain:file", input: {url: "http://127.0.0.1:9/file", targetPath: x}}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: slow}
spec:
  type: service
  owner: guests
  steps:
    - {id: before, name: Before, action: debug:log, input: {message: before}}
    - {id: wait, name: Wait, action: debug:wait, input: {seconds: 600}}
"""


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bad-input")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningService]:
    folder = tmp_path_factory.mktemp("bad-input")
    (folder / "templates.yaml").write_text(TEMPLATES)
    service = RunningService(folder, [folder / "templates.yaml"])
    await service.start()
    yield service
    await service.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def api(service: RunningService) -> AsyncIterator[ApiClient]:
    async with ApiClient(service.base_url) as api:
        await api.sign_in_as_guest()
        await service.until_read("template", "default", "slow", api)
        yield api


async def outcome(api: ApiClient, task_id: str) -> str:
    """Follow a task to its end and return the error's text, empty when there was none."""
    last = {}
    async for event in api.events(task_id):
        last = event
    return str(last["body"].get("error", {}).get("message", ""))


async def test_an_unknown_template_is_not_found(api: ApiClient) -> None:
    with pytest.raises(ApiError, match=r"404 .*template:default/nope"):
        await api.create_task("template:default/nope", {})


@pytest.mark.thorough
@pytest.mark.parametrize(("values", "words"), [({}, "name"), ({"name": "UPPER"}, "pattern"), ({"name": 7}, "type")])
async def test_a_missing_or_wrong_parameter_is_named(api: ApiClient, values: dict[str, object], words: str) -> None:
    before = await api.call("GET", "/api/scaffolder/v2/tasks")
    with pytest.raises(ApiError, match=rf"400 .*{words}"):
        await api.create_task("template:default/form", values)
    assert (await api.call("GET", "/api/scaffolder/v2/tasks"))["totalTasks"] == before["totalTasks"]


async def test_an_unknown_action_fails_the_task_by_name(api: ApiClient) -> None:
    task_id = await api.create_task("template:default/unknown-action", {})
    assert "nobody:wrote:this" in await outcome(api, task_id)
    assert (await api.task(task_id))["status"] == "failed"


async def test_an_unreachable_host_fails_the_task_with_the_host(api: ApiClient) -> None:
    task_id = await api.create_task("template:default/unreachable", {})
    assert "127.0.0.1" in await outcome(api, task_id)
    assert (await api.task(task_id))["status"] == "failed"


@pytest.mark.thorough
async def test_after_a_kill_the_database_opens_and_the_task_ends(service: RunningService, api: ApiClient) -> None:
    done = await api.create_task("template:default/form", {"name": "abc"})
    assert await outcome(api, done) == ""
    running = await api.create_task("template:default/slow", {})
    async for event in api.events(running):
        if event["body"].get("stepId") == "wait":
            break
    await service.kill(signal.SIGKILL)
    with sqlite3.connect(service.database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await service.start()
    async with ApiClient(service.base_url) as again:
        await again.sign_in_as_guest()
        assert await outcome(again, running) != ""
        assert (await again.task(running))["status"] == "failed"
        assert (await again.task(done))["status"] == "completed"
