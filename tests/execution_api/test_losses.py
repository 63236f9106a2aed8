"""A pod that works is not given up because the network lost something, or because the service was not itself."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.execution import client
from backstage_py.execution.channel import ChannelClosed
from backstage_py.execution.client import HttpChannel
from backstage_py.execution.messages import Cancel, Nothing, Output
from backstage_py.integrations.kubernetes.connection import Connection, NoAnswerError
from backstage_py.model.json import JsonObject
from backstage_py.model.task import AttemptKey
from backstage_py.plugin import ActionContext, CancelSignal, action
from backstage_py.scaffolder.executors.kubernetes import job as jobs
from backstage_py.scaffolder.executors.kubernetes.fleet import Fleet
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings
from tests import patience
from tests.cluster import waiting
from tests.execution_api import kubelet, losing, stage, talking
from tests.execution_api.kubelet import Kubelet, Object
from tests.execution_api.losing import Network
from tests.execution_api.talking import Api
from tests.integrations.kube_server import Parts

KEY = "task-a.1.1.0"
OPEN, POLL = b"POST ", b"GET "


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with talking.serving(tmp_path) as found:
        yield found


@pytest.fixture
async def network(api: Api) -> AsyncIterator[Network]:
    async with losing.between(api.talker.url) as found:
        yield found


async def opened(network: Network, ticket: str, folder: Path, *seconds: float) -> HttpChannel:
    """Do what a pod does first."""
    return await threads.remote_call("a pod", client.opened, f"{network.url}/{KEY}", ticket, folder / "pod", *seconds)


async def received(channel: HttpChannel) -> bytes | None:
    return await threads.remote_call("a pod's answers", channel.receive)


async def test_a_pod_that_lost_the_answer_to_its_ticket_gets_it_again(api: Api, network: Network) -> None:
    session = api.session(KEY)
    network.loses.append(OPEN)
    channel = await opened(network, session.ticket, api.folder)
    assert network.happened == [OPEN]
    await session.say(Cancel())
    assert b"cancel" in (await received(channel) or b"")
    with pytest.raises(ChannelClosed):  # whoever else has the ticket
        await opened(network, session.ticket, api.folder)
    await session.say(Nothing(is_over=True))
    await threads.remote_call("a pod", channel.close)


async def test_a_pod_whose_ticket_was_lost_on_its_way_shows_it_again_soon(api: Api, network: Network) -> None:
    """Such a pod has not begun yet: nobody but itself knows that it waits."""
    session = api.session(KEY)
    network.swallows.append(OPEN)
    channel = await opened(network, session.ticket, api.folder, 0.2)
    assert network.happened == [OPEN]
    await threads.remote_call("a pod", channel.close)


@pytest.mark.parametrize("lost", ["swallows", "loses"])
async def test_a_question_of_a_pod_that_is_lost_is_asked_again(api: Api, network: Network, lost: str) -> None:
    """Before the service takes the pod for dead: however long the one that is lost would wait."""
    session = api.session(KEY)
    session.silence = 2.0
    channel = await opened(network, session.ticket, api.folder)
    getattr(network, lost).append(POLL)
    asked = asyncio.create_task(received(channel))
    await asyncio.to_thread(waiting.until, lambda: network.happened, "a question was lost")
    await session.say(Cancel())
    assert b"cancel" in (await asked or b"")
    await threads.remote_call("a pod", channel.close)


async def test_what_waits_ends_when_its_channel_is_closed(api: Api, network: Network) -> None:
    session = api.session(KEY)
    channel = await opened(network, session.ticket, api.folder)
    network.swallows.append(POLL)
    asked = asyncio.create_task(received(channel))
    await asyncio.to_thread(waiting.until, lambda: network.happened, "a question was swallowed")
    await threads.remote_call("a pod", channel.close)
    assert await asked is None


async def test_a_channel_may_be_closed_at_any_moment(api: Api, network: Network) -> None:
    for number in range(20):
        session = api.session(f"task-a.1.1.{number}")
        url = f"{network.url}/task-a.1.1.{number}"
        channel = await threads.remote_call("a pod", client.opened, url, session.ticket, api.folder / f"pod-{number}")
        asked = asyncio.create_task(received(channel))
        await asyncio.sleep(0.0005 * number)  # in turn: before it connects, while it does, while it waits
        await threads.remote_call("a pod", channel.close)
        assert await asked is None


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_pod_knows_whether_it_was_heard_to_its_end(api: Api, network: Network, is_there: bool) -> None:
    """Else what its step ended with is lost, and its exit code says that it was not the step's fault."""
    session = api.session(KEY)
    channel = await opened(network, session.ticket, api.folder)
    if not is_there:
        api.sessions.drop(session)
    channel.send(Output("made", 1), 1)
    assert await threads.remote_call("a pod", channel.close) is is_there
    assert [key for key, _ in api.heard] == [KEY] * is_there


@action("acme:greets", {"type": "object"})
async def greets(_: ActionContext[Any]) -> dict[str, Any]:
    return {"done": True}


@pytest.mark.thorough
async def test_a_service_that_stood_still_does_not_blame_its_pods(parts: Parts, tmp_path: Path) -> None:
    """As with its pods on a machine that was asleep, for longer than pods may be silent."""
    async with stage.on_its_own(parts, tmp_path, silence=2.0) as (playing, on):
        asleep, awake = threading.Event(), threading.Event()

        def falls_asleep() -> None:
            asleep.set()
            awake.wait(60)

        playing.plays.append(lambda kubelet, job: _ignored(kubelet.run(job, falls_asleep)))
        running = on.start(greets)
        await asyncio.to_thread(waiting.until, asleep.is_set, "the pod has begun")
        time.sleep(2.5)  # noqa: ASYNC251  # nothing goes on here
        awake.set()
        await running.ended
        await running.close()
        assert on.step.sink.outputs == {"done": True}
        assert len(playing.seen) == 1, on.log


class LateList:
    """A connection whose lists of Jobs come when a test says, as from an API server under load."""

    def __init__(self, real: Connection, may_come: threading.Event, has_come: threading.Event) -> None:
        self._real, self._may_come, self._has_come = real, may_come, has_come

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def call(self, method: str, path: str, **options: Any) -> JsonObject:
        answer = self._real.call(method, path, **options)
        if method == "GET" and path.endswith("/jobs"):
            self._may_come.wait(60)
        return answer

    def events(self, path: str, *rest: Any) -> Any:
        if path.endswith("/jobs"):
            self._has_come.set()
        return self._real.events(path, *rest)


@pytest.mark.thorough
async def test_a_list_from_before_a_job_was_made_does_not_say_that_it_is_gone(parts: Parts, tmp_path: Path) -> None:
    may_come, has_come, gate = threading.Event(), threading.Event(), CancelSignal()

    @action("acme:waits", {"type": "object"})
    async def waits(ctx: ActionContext[Any]) -> None:
        ctx.logger.info("begun")
        await gate.wait()

    def through(real: Connection) -> Connection:
        late: Any = LateList(real, may_come, has_come)
        found: Connection = late
        return found

    async with stage.on_its_own(parts, tmp_path, through=through) as (playing, on):
        running = on.start(waits)
        await asyncio.to_thread(waiting.until, lambda: "begun" in on.log, "the step runs")
        may_come.set()
        await asyncio.to_thread(has_come.wait, 60)
        gate.set()
        await running.ended
        await running.close()
        assert len(playing.seen) == 1, on.log


class BlindWatch:
    """A connection whose first watch of pods breaks off behind the first pod that runs, when a test says."""

    def __init__(self, real: Connection, may_break: threading.Event) -> None:
        self._real, self._may_break = real, may_break

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def events(self, path: str, *rest: Any) -> Any:
        for event in self._real.events(path, *rest):
            yield event
            if event["object"].get("status", {}).get("phase") == "Running" and not self._may_break.is_set():
                self._may_break.wait(60)
                raise NoAnswerError("The cluster does not answer: the watch broke off")


@pytest.mark.thorough
async def test_a_pod_that_was_deleted_while_nobody_watched_is_missed(parts: Parts, tmp_path: Path) -> None:
    gone = threading.Event()

    def through(real: Connection) -> Connection:
        blind: Any = BlindWatch(real, gone)
        found: Connection = blind
        return found

    async with stage.on_its_own(parts, tmp_path, through=through) as (playing, on):

        def deleted(kubelet: Kubelet, job: Object) -> None:
            kubelet.container(job, "Running", running={})
            kubelet.remove(job)
            gone.set()

        playing.plays.append(deleted)
        running = on.start(greets)
        await running.ended
        await running.close()
        assert len(playing.seen) == 2, on.log


class Closable:
    """A connection that says whether it was closed during a call: its credentials are files until then."""

    def __init__(self) -> None:
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.is_closed = self.was_closed_early = False

    def call(self, _method: str, path: str) -> JsonObject:
        if path == "/is-lost":
            raise NoAnswerError("lost")
        self.begun.set()
        assert self.goes_on.wait(patience.SECONDS)
        self.was_closed_early = self.is_closed
        return {}

    def close(self) -> None:
        assert not self.is_closed
        self.is_closed = True


async def test_a_connection_that_one_call_gives_up_serves_those_that_are_on_their_way() -> None:
    made: list[Closable] = []

    def open_one() -> Any:
        made.append(Closable())
        return made[-1]

    async def current(_: AttemptKey) -> bool:
        return True

    fleet = Fleet(KubernetesExecutorSettings(namespace="steps", image="registry.example/steps:1"), open_one, current)
    long = asyncio.create_task(fleet._call("GET", "/is-slow"))
    await patience.until(lambda: made and made[0].begun.is_set())
    for _ in range(2):
        with pytest.raises(NoAnswerError):
            await fleet._call("GET", "/is-lost")
    assert [one.is_closed for one in made] == [False, True]
    made[0].goes_on.set()
    assert await long == {}
    assert made[0].is_closed
    assert not made[0].was_closed_early


class Forgetful:
    """A connection to an API server that loses so many calls, and then takes one."""

    def __init__(self, in_vain: int) -> None:
        self.deleted: list[str] = []
        self._in_vain = self._left = in_vain

    def call(self, _method: str, path: str, **_options: Any) -> JsonObject:
        self._left -= 1
        if self._left >= 0:
            raise NoAnswerError("lost")
        self._left = self._in_vain
        self.deleted.append(path.rpartition("/")[2])
        return {}

    def close(self) -> None:
        """There is nothing open."""


@pytest.mark.parametrize(("in_vain", "deleted"), [(1, 5), (2, 3), (3, 0)])
async def test_a_sweep_goes_on_behind_what_it_could_not_delete_until_nothing_answers(
    in_vain: int, deleted: int
) -> None:
    cluster: Any = Forgetful(in_vain)

    async def over(_: AttemptKey) -> bool:
        return False

    fleet = Fleet(
        KubernetesExecutorSettings(namespace="steps", image="registry.example/steps:1"), lambda: cluster, over
    )
    for number in range(10):
        labels = {jobs.TASK: f"task-{number}", jobs.CLAIM: "1"}
        fleet._take_job({"metadata": {"name": f"job-{number}", "uid": f"{number}", "labels": labels}, "status": {}})
    with pytest.raises(NoAnswerError) if deleted == 0 else nullcontext():
        await fleet.sweep()
    assert len(cluster.deleted) == deleted


class Busy:
    """A connection to an API server that has no time for the first Job, and loses the answer to what asks for it."""

    def __init__(self, real: Connection, answers: list[Exception | None]) -> None:
        self._real, self._answers = real, answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def call(self, method: str, path: str, **options: Any) -> JsonObject:
        is_asked = method == "GET" and "/jobs/" in path
        if (method == "POST" or is_asked) and self._answers and (error := self._answers.pop(0)):
            if method == "POST" and isinstance(error, NoAnswerError):
                self._real.call(method, path, **options)  # its answer is lost
            raise error
        return self._real.call(method, path, **options)


@pytest.mark.thorough
async def test_an_api_server_that_is_in_trouble_is_waited_for(parts: Parts, tmp_path: Path) -> None:
    trouble = BackstageError("Internal error occurred: resource quota evaluation timed out")
    trouble.__cause__ = ApiException(500, "Internal Server Error")
    trouble.__cause__.body = json.dumps({"code": 500})
    answers: list[Exception | None] = [trouble, NoAnswerError("lost"), None, NoAnswerError("lost, too")]

    def through(real: Connection) -> Connection:
        busy: Any = Busy(real, answers)
        found: Connection = busy
        return found

    def runs_later(playing: Kubelet, job: Object) -> None:
        waiting.until(lambda: not answers, "all has gone wrong that shall")
        kubelet.runs(playing, job)

    async with stage.on_its_own(parts, tmp_path, through=through) as (playing, on):
        playing.plays.append(runs_later)
        await on.run(greets)
        assert on.step.sink.outputs == {"done": True}
        assert any("so the step waits for it: Internal error occurred" in line for line in on.log), on.log
        assert len(playing.seen) == 1


class Deaf:
    """A connection that tells nothing of pods, as a watch that broke off just then."""

    def __init__(self, real: Connection) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def events(self, path: str, *rest: Any) -> Any:
        return (event for event in self._real.events(path, *rest) if not path.endswith("/pods"))


@pytest.mark.thorough
async def test_why_a_job_failed_is_asked_for_where_nothing_was_heard_of_its_pod(parts: Parts, tmp_path: Path) -> None:
    def through(real: Connection) -> Connection:
        deaf: Any = Deaf(real)
        found: Connection = deaf
        return found

    async with stage.on_its_own(parts, tmp_path, through=through) as (playing, on):
        playing.plays.append(kubelet.evicted)
        await on.run(greets)
        assert on.step.sink.outputs == {"done": True}
        assert any("was evicted: The node was low on resource" in line for line in on.log), on.log


def _ignored(_: int) -> None:
    """Its exit code says nothing here."""
