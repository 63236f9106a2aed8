"""Plays kubelet and Job controller on a real API server: makes pods of Jobs, sets their status, and runs the handler.

What it does with a Job a test says; by default the pod runs ``backstage-py execute``, in a thread.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from urllib3.exceptions import HTTPError

from backstage_py.execution import client
from backstage_py.execution.channel import UNHEARD, ChannelClosed
from backstage_py.execution.handler import Handler, Surroundings
from backstage_py.execution.http_calls import Calls
from backstage_py.plugin import Action
from tests.cluster.calls import Api, ApiException

Object = dict[str, Any]
CONFLICT, BUSY = 409, 429
PATIENCE = 50
Play = Callable[["Kubelet", Object], None]


@dataclass
class Kubelet:
    """One namespace's.

    Attributes:
        actions: what images have.
        plays: what becomes of the next Jobs, one after the other.
        draws: says what becomes of those behind them.
        seen: Jobs, in their order.
        deleted: names of Jobs that were deleted.
    """

    api: Api
    namespace: str
    folder: Path
    actions: Mapping[str, Action] = field(default_factory=dict)
    plays: list[Play] = field(default_factory=list)
    seen: list[Object] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    draws: Callable[[], Play] = lambda: runs
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def jobs_path(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    @property
    def pods_path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def pod(self, job: Object, called: str = "pod", **status: Any) -> Object:
        """Make the pod of a Job, or say how it is; a second one is called otherwise."""
        name = f"{job['metadata']['name']}-{called}"
        if asked(self.api.find, f"{self.pods_path}/{name}") is None:
            template = job["spec"]["template"]
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"]}
            owner |= {"uid": job["metadata"]["uid"], "controller": True}
            metadata = {**template["metadata"], "name": name, "ownerReferences": [owner]}
            spec = {**template["spec"], "nodeName": "node1"}
            try:
                asked(self.api.post, self.pods_path, {"metadata": metadata, "spec": spec})
            except ApiException as error:
                if error.status != CONFLICT:  # it is there: an answer was lost
                    raise
        found: Object = asked(self.api.patch, f"{self.pods_path}/{name}/status", {"status": status})
        return found

    def remove(self, job: Object) -> None:
        """Delete the pod of a Job at once."""
        asked(self.api.delete, f"{self.pods_path}/{job['metadata']['name']}-pod?gracePeriodSeconds=0")

    def container(self, job: Object, phase: str, called: str = "pod", **state: Any) -> None:
        """Say how the container of a Job's pod is."""
        known = {"name": "step", "image": "image", "imageID": "", "ready": False, "restartCount": 0, "state": state}
        self.pod(job, called, phase=phase, containerStatuses=[known])

    def job_ended(self, job: Object, kind: str = "Complete", **more: Any) -> None:
        condition = {"type": kind, "status": "True", **more}
        with suppress(ApiException):
            path = f"{self.jobs_path}/{job['metadata']['name']}/status"
            asked(self.api.patch, path, {"status": {"conditions": [condition]}})

    def run(self, job: Object, opened: Callable[[], None] = lambda: None) -> int:
        """Run what the container runs; return its exit code. ``opened`` is called when it has its token."""
        env = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        folder = self.folder / job["metadata"]["name"]
        folder.mkdir(exist_ok=True)
        url, ticket = env["BACKSTAGE_PY_EXECUTION_URL"], env["BACKSTAGE_PY_EXECUTION_TOKEN"]
        try:
            channel = client.opened(url, ticket, folder / "workspace")
        except ChannelClosed:
            return 3
        opened()
        around = Surroundings(self.actions.__getitem__, workspace=channel.workspace, adapt=channel.adapt)
        Handler(channel, around).serve()
        return 0 if channel.close() else UNHEARD

    def open(self, job: Object) -> None:
        """Open the session and say nothing more, as a node that dies just then."""
        env = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        calls = Calls(env["BACKSTAGE_PY_EXECUTION_URL"], env["BACKSTAGE_PY_EXECUTION_TOKEN"])
        with closing(calls):
            calls.call("POST", "open")

    def ask(self, job: Object) -> None:
        """Open the session, take what there is to do, and say nothing more."""
        env = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        url = env["BACKSTAGE_PY_EXECUTION_URL"]
        with closing(Calls(url, env["BACKSTAGE_PY_EXECUTION_TOKEN"])) as calls:
            token = str(json.loads(calls.call("POST", "open"))["token"])
        with closing(Calls(url, token)) as calls:
            calls.call("GET", "messages?after=0")

    def follow(self) -> None:
        """Watch Jobs until stopped, each time from where it was: all of them may be more than come in a second."""
        known: set[str] = set()
        after = ""
        while not self._stopping.is_set():
            try:
                for event in self.api.watch(self.jobs_path, 1, after):
                    if event["type"] == "ERROR":  # so much is not remembered
                        after = ""
                        break
                    after = event["object"]["metadata"]["resourceVersion"]
                    self._take(event["type"], event["object"], known)
            except (ApiException, OSError, HTTPError):
                after = ""

    def stop(self) -> None:
        self._stopping.set()
        for one in self._threads:
            one.join(30)

    def start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _take(self, kind: str, job: Object, known: set[str]) -> None:
        uid = job["metadata"]["uid"]
        if kind == "DELETED":
            self.deleted.append(job["metadata"]["name"])
            with suppress(ApiException):
                self.remove(job)
        elif kind == "ADDED" and uid not in known:
            known.add(uid)
            self.seen.append(job)
            play = self.plays.pop(0) if self.plays else self.draws()
            self.start(lambda: _played(play, self, job))


def _played(play: Play, kubelet: Kubelet, job: Object) -> None:
    with suppress(ApiException, HTTPError, ChannelClosed):  # the Job, its namespace or the server is gone meanwhile
        play(kubelet, job)


def asked(call: Callable[..., Any], *given: Any) -> Any:
    """Ask an API server that may be too busy to answer, as a kubelet does: again and again."""
    for left in reversed(range(PATIENCE)):
        try:
            return call(*given)
        except (ApiException, HTTPError) as error:
            if left == 0 or (
                isinstance(error, ApiException) and error.status in range(400, 500) and error.status != BUSY
            ):
                raise
            time.sleep(0.2)
    raise AssertionError("it raises above")


def runs(kubelet: Kubelet, job: Object) -> None:
    """All goes well."""
    kubelet.pod(job, phase="Pending")
    kubelet.container(job, "Running", running={})
    code = kubelet.run(job)
    kubelet.container(job, "Failed" if code else "Succeeded", terminated={"exitCode": code, "reason": "Completed"})
    kubelet.job_ended(job, "Failed" if code else "Complete")


def waits(kubelet: Kubelet, job: Object) -> None:
    """No pod is made."""


def unschedulable(kubelet: Kubelet, job: Object) -> None:
    """No node has room."""
    words = "0/3 nodes are available: 3 Insufficient memory."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    kubelet.pod(job, phase="Pending", conditions=[condition])


def no_image(kubelet: Kubelet, job: Object) -> None:
    """The image is nowhere."""
    said = {"reason": "ErrImagePull", "message": 'rpc error: "registry.example/none" not found'}
    kubelet.container(job, "Pending", waiting=said)


def not_started(kubelet: Kubelet, job: Object) -> None:
    """A kubelet that has just been started again does not know the pod's volumes yet."""
    said = {"reason": "CreateContainerConfigError", "message": 'cannot find volume "work" to mount'}
    kubelet.container(job, "Pending", waiting=said)


def unknown(kubelet: Kubelet, job: Object) -> None:
    """A kubelet that was away finds no container where it had one."""
    said = {"reason": "ContainerStatusUnknown", "message": "The container could not be located"}
    kubelet.container(job, "Running", running={})
    kubelet.container(job, "Failed", terminated={"exitCode": 137, **said})
    kubelet.job_ended(job, "Failed", reason="BackoffLimitExceeded")


def out_of_memory(kubelet: Kubelet, job: Object) -> None:
    """The kernel ends it."""
    kubelet.container(job, "Running", running={})
    kubelet.container(job, "Failed", terminated={"exitCode": 137, "reason": "OOMKilled"})
    kubelet.job_ended(job, "Failed", reason="BackoffLimitExceeded")


def asks(kubelet: Kubelet, job: Object) -> None:
    """It has got its step."""
    kubelet.container(job, "Running", running={})
    kubelet.ask(job)


def exits(code: int, message: str = "") -> Play:
    """It ends by itself, without a word."""

    def play(kubelet: Kubelet, job: Object) -> None:
        ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "message": message}
        kubelet.container(job, "Failed" if code else "Succeeded", terminated=ended)
        kubelet.job_ended(job, "Failed" if code else "Complete", reason="BackoffLimitExceeded")

    return play


def evicted(kubelet: Kubelet, job: Object) -> None:
    """The node needs its memory."""
    kubelet.pod(job, phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    kubelet.job_ended(job, "Failed", reason="BackoffLimitExceeded")


def deleted(kubelet: Kubelet, job: Object) -> None:
    """Somebody drains the node; a Job whose pod is gone has failed."""
    kubelet.container(job, "Running", running={})
    kubelet.remove(job)
    kubelet.job_ended(job, "Failed", reason="BackoffLimitExceeded")


def too_long(kubelet: Kubelet, job: Object) -> None:
    """The Job is to fail, as from 1.31 on, and its pod is still being ended."""
    kubelet.container(job, "Running", running={})
    kubelet.job_ended(job, "FailureTarget", reason="DeadlineExceeded")


def drained(kubelet: Kubelet, job: Object) -> None:
    """Somebody drains the node, and the pod has time to end."""
    kubelet.container(job, "Running", running={})
    asked(kubelet.api.delete, f"{kubelet.pods_path}/{job['metadata']['name']}-pod")
    kubelet.container(job, "Failed", terminated={"exitCode": 143, "reason": "Error"})
    kubelet.remove(job)


def node_gone(kubelet: Kubelet, job: Object) -> None:
    """The node is no more, and the collector of pods finds that out; nobody has seen the container end."""
    kubelet.container(job, "Running", running={})
    kubelet.open(job)
    why = {"reason": "DeletionByPodGC", "message": "PodGC: node no longer exists"}
    kubelet.pod(job, phase="Failed", conditions=[{"type": "DisruptionTarget", "status": "True", **why}])
    kubelet.remove(job)


def behind(first: Play, then: Play) -> Play:
    """Do one thing, then another."""

    def play(kubelet: Kubelet, job: Object) -> None:
        first(kubelet, job)
        then(kubelet, job)

    return play


@contextmanager
def playing(api: Api, namespace: str, folder: Path) -> Iterator[Kubelet]:
    """Play until the block is left."""
    kubelet = Kubelet(api, namespace, folder)
    kubelet.start(kubelet.follow)
    try:
        yield kubelet
    finally:
        kubelet.stop()
