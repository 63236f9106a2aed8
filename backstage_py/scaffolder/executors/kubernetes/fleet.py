"""The Jobs of this process in the cluster: made once each, watched together, and deleted when nobody wants them.

One watch serves all steps; what it says of a Job goes to whoever waits for that Job. Jobs of attempts that are over,
whoever made them, are deleted; ended ones are kept for a while, and deleted here where the cluster does not do so.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog

from backstage_py import background, threads
from backstage_py.errors import BackstageError, ConflictError, NotAllowedError, NotFoundError
from backstage_py.integrations.kubernetes.connection import Connection, NoAnswerError, opened, status_of
from backstage_py.integrations.kubernetes.following import Follower
from backstage_py.metrics.executors import CLUSTER_ANSWERS
from backstage_py.model.json import JsonObject
from backstage_py.model.task import AttemptKey
from backstage_py.scaffolder.executors.kubernetes import job as jobs
from backstage_py.scaffolder.executors.kubernetes import reasons
from backstage_py.scaffolder.executors.kubernetes.job import Call
from backstage_py.scaffolder.executors.kubernetes.reasons import Failure, Reason, State, Waiting
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings

_log = structlog.get_logger(__name__)
_LANE = "kubernetes executor"
_MERGE = "application/merge-patch+json"
_WARM = 0  # the claim of a pod that waits for its first call
_POD_KNOWS_MORE = 2.0  # seconds: of why a Job failed; the two are watched apart
_IN_VAIN = 3  # deletions of a sweep that go wrong in a row until it ends
_SWEEP = 30.0
_IN_DOUBT = 60.0  # seconds for which a cluster may refuse what it allows
_PAUSE = 1.0
_AT_ONCE = 16
_ITS_FAULT = 500  # and above: statuses of an API server that does not find the time, or the store

IsCurrent = Callable[[AttemptKey], Awaitable[bool]]
"""Says whether an attempt (task, number of the claim) still runs, as the database has it."""


@dataclass(slots=True, eq=False)
class Watched:
    """A Job that somebody waits for.

    Attributes:
        is_missed: a list did not have it, before the watch told of it.
        ended: what the Job says of its end; its pod may know more.
        alive: names of its pods that have not failed.
        away: the name of a pod from whose node the cluster does not hear.
    """

    name: str
    uid: str = ""
    state: State = field(default_factory=Waiting)
    has_pod: bool = False
    is_missed: bool = False
    ended: Failure | None = None
    alive: set[str] = field(default_factory=set)
    away: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, state: State) -> None:
        """Take what is known now; the first failure stays."""
        if not isinstance(self.state, Failure) and state != self.state:
            self.state = state
            self.news.set()

    def look_at_node(self, pod: str, *, is_away: bool) -> None:
        """Take what is known of the node of a pod."""
        if is_away or self.away == pod:
            self.away = pod if is_away else ""
            self.news.set()


@dataclass(slots=True)
class _Seen:
    """What the watch knows of a Job."""

    task_id: str
    claim: int
    uid: str
    ended_at: float | None = None  # of our own clock

    def is_of(self, task_id: str, claim: int) -> None:
        """Take note of whose it is; that changes when one that has waited gets a call."""
        self.task_id, self.claim = task_id, claim


class Fleet:
    """The Jobs; to be run.

    Args:
        settings: what Jobs are like, and where.
        open: opens a connection to the cluster; blocks.
        is_current: says which attempts still run.
        resync: seconds after which everything is listed again.
    """

    def __init__(
        self,
        settings: KubernetesExecutorSettings,
        open: Callable[[], Connection],  # noqa: A002  # what it does
        is_current: IsCurrent,
        *,
        resync: float = 300.0,
    ) -> None:
        self._settings = settings
        self._open = open
        self._is_current = is_current
        self._resync = resync
        self._jobs_path = f"/apis/batch/v1/namespaces/{settings.namespace}/jobs"
        self._pods_path = f"/api/v1/namespaces/{settings.namespace}/pods"
        self._events_path = f"/api/v1/namespaces/{settings.namespace}/events"
        self._watched: dict[str, Watched] = {}
        self._seen: dict[str, _Seen] = {}
        self._connection: Connection | None = None
        self._calls: Counter[Connection] = Counter()  # that are on their way, of each connection
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting = asyncio.Lock()
        self._places = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch until the block is left."""
        self._loop = asyncio.get_running_loop()
        selector = f"{jobs.INSTANCE}={self._settings.owner}"
        followers = [
            Follower(self._open, path, selector, self, self._resync) for path in (self._jobs_path, self._pods_path)
        ]
        for one in followers:
            one.start()
        try:
            async with background.running(background.supervised("kubernetes.sweep", self._sweep_now_and_then)):
                yield
        finally:
            await asyncio.gather(*(threads.remote_call(_LANE, one.stop) for one in followers))
            if connection := self._connection:
                self._leave(connection)
                await self._close_unused(connection)

    @contextmanager
    def watching(self, name: str) -> Iterator[Watched]:
        """Hear of a Job until the block is left; begun before it is made."""
        watched = self._watched[name] = Watched(name)
        try:
            yield watched
        finally:
            self._watched.pop(name, None)

    async def submit(self, job: JsonObject, watched: Watched, is_wanted: Callable[[], bool]) -> None:
        """Make a Job, once; wait with it for the cluster and for its quota, as long as it is wanted.

        What went wrong for good is told to ``watched``.
        """
        give_up: float | None = None
        while is_wanted() and not isinstance(watched.state, Failure):
            try:
                made = await self._call("POST", self._jobs_path, body=job)
            except ConflictError as error:
                if await self._adopt(job, watched, error):
                    return
            except NoAnswerError as error:
                watched.tell(_away(error))
            except (NotAllowedError, NotFoundError) as error:
                give_up = give_up or time.monotonic() + _IN_DOUBT
                watched.tell(_for_now(reasons.of_refusal(error.message), give_up))
            except BackstageError as error:
                refusal = Failure(Reason.REFUSED, f"The cluster refuses the step's Job: {error.message}")
                watched.tell(_away(error) if status_of(error).get("code", 0) >= _ITS_FAULT else refusal)
            else:
                watched.uid = made["metadata"]["uid"]
                if isinstance(watched.state, Waiting):
                    watched.tell(Waiting())
                return
            await asyncio.sleep(_PAUSE)

    async def delete(self, name: str, uid: str = "") -> None:
        """Have a Job and its pod go away, if they are there."""
        body: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        with contextlib.suppress(NotFoundError, ConflictError):
            await self._call("DELETE", f"{self._jobs_path}/{name}", body=body)

    async def delete_surely(self, name: str, uid: str = "") -> None:
        """Do as ``delete``; what cannot be deleted now is found by the next sweep, since its attempt is over."""
        try:
            await self.delete(name, uid)
        except BackstageError as error:
            _log.warning("job_not_deleted", job=name, problem=error.message)

    async def delete_older(self, task_id: str, claim: int) -> None:
        """Delete what earlier attempts at a task left: it is fenced, and nobody waits for it."""
        older = [(name, one.uid) for name, one in self._seen.items() if one.task_id == task_id and one.claim < claim]
        for name, uid in older:
            _log.info("job_of_earlier_attempt_deleted", task_id=task_id, job=name)
            await self.delete_surely(name, uid)

    async def relabel(self, name: str, call: Call) -> None:
        """Have a Job that waited for a call say whose it is now; it only tells more."""
        metadata = {"labels": jobs.labels_of(call, self._settings), "annotations": jobs.annotations_of(call)}
        try:
            await self._call("PATCH", f"{self._jobs_path}/{name}", body={"metadata": metadata}, content_type=_MERGE)
        except BackstageError as error:
            _log.warning("job_not_labelled", job=name, task_id=call.task_id, problem=error.message)

    async def look(self, watched: Watched) -> None:
        """Ask what the events of a Job say that has no pod, as one of a quota."""
        query = [("fieldSelector", f"involvedObject.name={watched.name},involvedObject.kind=Job")]
        try:
            found = await self._call("GET", self._events_path, query=query)
        except BackstageError:
            return  # it only tells more
        if watched.has_pod:
            return
        for one in found.get("items") or []:
            state = reasons.of_event(str(one.get("reason")), str(one.get("message")))
            if state != Waiting():
                watched.tell(state)

    async def explain(self, watched: Watched) -> None:
        """Tell why a Job has ended. Its pod knows more, and the two are watched apart: so that is asked for."""
        if watched.ended is None:
            return
        await asyncio.sleep(_POD_KNOWS_MORE)
        try:
            found = await self._call("GET", self._pods_path, query=[("labelSelector", f"job-name={watched.name}")])
        except BackstageError as error:
            _log.warning("end_of_job_not_explained", job=watched.name, problem=error.message)
            return  # it is asked again
        pods = found.get("items") or []
        for one in pods:
            self._take(self._pods_path, one)
        watched.tell(watched.ended if pods else reasons.deleted())

    async def sweep(self) -> None:
        """Delete Jobs of attempts that are over, and ended ones whose time is up.

        Raises:
            BackstageError: some could not be deleted one after the other; the next sweep finds them again.
        """
        now, in_vain = time.monotonic(), 0
        for name, one in list(self._seen.items()):
            if one.ended_at is not None:
                is_unwanted = now - one.ended_at > self._settings.ttl
            elif one.claim == _WARM:
                continue  # it ends by itself when its process is gone
            else:
                is_unwanted = name not in self._watched and not await self._is_current((one.task_id, one.claim))
            if not is_unwanted:
                continue
            try:
                await self.delete(name, one.uid)
                in_vain = 0
            except BackstageError:
                in_vain += 1
                if in_vain == _IN_VAIN:
                    raise

    def listed(self, path: str, objects: Sequence[JsonObject]) -> None:
        """As ``Taker``, in the follower's thread."""
        self._tell(partial(self._take_all, path, objects))

    def changed(self, path: str, value: JsonObject) -> None:
        """As above."""
        self._tell(partial(self._take, path, value))

    def gone(self, path: str, value: JsonObject) -> None:
        """As above."""
        self._tell(partial(self._take_gone, path, value))

    def lost(self, path: str, error: BackstageError) -> None:  # noqa: ARG002  # what the protocol has
        """As above; it is logged where it is found."""
        CLUSTER_ANSWERS.set(0)

    def _tell(self, act: Callable[[], None]) -> None:
        if self._loop:
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits any more
                self._loop.call_soon_threadsafe(act)

    def _take_all(self, path: str, objects: Sequence[JsonObject]) -> None:
        CLUSTER_ANSWERS.set(1)
        for one in objects:
            self._take(path, one)
        there = {one["metadata"]["name"] for one in objects}
        if path == self._jobs_path:
            self._miss_jobs(there)
        else:
            self._miss_pods(there)

    def _miss_jobs(self, there: set[str]) -> None:
        for name, watched in self._watched.items():
            if not watched.uid or name in there:
                continue
            if name in self._seen or watched.is_missed:
                watched.tell(reasons.deleted())
            watched.is_missed = True  # the list may be from before it was made; the next one is not
        for name in self._seen.keys() - there:
            del self._seen[name]

    def _miss_pods(self, there: set[str]) -> None:
        """Take for deleted what the watch has told of and a later list does not have: it broke off between."""
        for watched in list(self._watched.values()):
            for pod in watched.alive - there:
                self._take_pod(watched, pod, reasons.deleted())

    def _take(self, path: str, value: JsonObject) -> None:
        if path == self._jobs_path:
            self._take_job(value)
        elif watched := self._of_pod(value):
            watched.has_pod = True
            watched.look_at_node(value["metadata"]["name"], is_away=reasons.is_node_away(value))
            self._take_pod(watched, value["metadata"]["name"], reasons.of_pod(value))

    def _take_pod(self, watched: Watched, name: str, state: State) -> None:
        if not isinstance(state, Failure):
            watched.alive.add(name)
        else:
            watched.alive.discard(name)
            if state.reason is Reason.TWICE and watched.alive:
                return  # the one that has the step runs on
        watched.tell(state)

    def _take_job(self, job: JsonObject) -> None:
        metadata = job["metadata"]
        name, labels = metadata["name"], metadata.get("labels") or {}
        state = reasons.of_job(job)
        claim = labels.get(jobs.CLAIM, "")
        if claim.isdecimal():
            self._seen.setdefault(name, _Seen("", 0, metadata["uid"])).is_of(labels.get(jobs.TASK, ""), int(claim))
        if isinstance(state, Failure) and name in self._seen and self._seen[name].ended_at is None:
            self._seen[name].ended_at = time.monotonic()
        watched = self._watched.get(name)
        if watched is None or watched.uid not in ("", metadata["uid"]):
            return
        if isinstance(state, Failure) and state.reason is Reason.ENDED:
            watched.ended = state
            watched.news.set()
        elif isinstance(state, Failure) or not watched.has_pod:
            watched.tell(state)

    def _take_gone(self, path: str, value: JsonObject) -> None:
        if path == self._jobs_path:
            name = value["metadata"]["name"]
            self._seen.pop(name, None)
            watched = self._watched.get(name)
        else:
            watched = self._of_pod(value)
        if watched is None:
            return
        state = reasons.of_pod(value) if path == self._pods_path else None
        self._take_pod(watched, value["metadata"]["name"], state if isinstance(state, Failure) else reasons.deleted())

    def _of_pod(self, pod: JsonObject) -> Watched | None:
        """Return who waits for the Job of a pod; a pod of an earlier Job of this name is none of it."""
        owners = pod["metadata"].get("ownerReferences") or []
        for one in owners:
            watched = self._watched.get(one.get("name"))
            if watched and one.get("kind") == "Job" and watched.uid in ("", one.get("uid")):
                return watched
        return None

    async def _adopt(self, job: JsonObject, watched: Watched, error: BackstageError) -> bool:
        """Take a Job that is there: ours, made by a call whose answer was lost, or somebody else's.

        Return whether that is known; else it is to be tried again.
        """
        try:
            found = await self._call("GET", f"{self._jobs_path}/{watched.name}")
        except BackstageError as problem:
            watched.tell(_away(problem))
            return False
        if _token(found) != _token(job):
            words = f"There is a Job {watched.name} already that this attempt did not make: {error.message}"
            watched.tell(Failure(Reason.REFUSED, words))
            return True
        watched.uid = found["metadata"]["uid"]
        return True

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            try:
                await self.sweep()
            except BackstageError as error:
                _log.warning("jobs_not_swept", problem=error.message)

    async def _call(self, method: str, path: str, **options: object) -> JsonObject:
        async with self._places:
            connection = await self._connected()
            self._calls[connection] += 1
            try:
                return await threads.remote_call(_LANE, partial(connection.call, method, path, **options))  # type: ignore[arg-type]  # options of call
            except BackstageError as error:
                if error.name == "AuthenticationError" or isinstance(error, NoAnswerError):
                    self._leave(connection)  # the next one has credentials that are read anew
                raise
            finally:
                self._calls[connection] -= 1
                await self._close_unused(connection)

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._connection is None:
                self._connection = await opened(self._open)
            return self._connection

    def _leave(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None

    async def _close_unused(self, connection: Connection) -> None:
        """Close one that was left, behind its last call: with it the files of its credentials go."""
        if connection is not self._connection and not self._calls[connection]:
            del self._calls[connection]
            await threads.remote_call(_LANE, connection.close)


def _away(error: BackstageError) -> Waiting:
    return Waiting(f"The cluster does not answer, so the step waits for it: {error.message}")


def _for_now(refusal: Waiting | Failure, until: float) -> Waiting | Failure:
    """Return what a refusal means for now: an API server that has just started knows nobody's rights for a moment."""
    if isinstance(refusal, Failure) and refusal.reason is Reason.REFUSED and time.monotonic() < until:
        return Waiting(f"{refusal.words}; the step waits for a while, since that may pass")
    return refusal


def _token(job: JsonObject) -> object:
    """Return what only the attempt that made a Job knows."""
    containers = job["spec"]["template"]["spec"]["containers"]
    found = [one for one in containers if one["name"] == jobs.CONTAINER]
    env = found[0].get("env") or [] if found else []
    return next((one.get("value") for one in env if one["name"] == "BACKSTAGE_PY_EXECUTION_TOKEN"), None)
