"""The pods of one attempt: one for each step, or one for all steps that go to it."""

from dataclasses import dataclass, field
from pathlib import Path

from backstage_py import threads
from backstage_py.folders.receiving import Bounds
from backstage_py.scaffolder.executors.kubernetes import job as jobs
from backstage_py.scaffolder.executors.kubernetes.contents import Contents
from backstage_py.scaffolder.executors.kubernetes.depots import LANE, Depot
from backstage_py.scaffolder.executors.kubernetes.job import Call
from backstage_py.scaffolder.executors.kubernetes.pod import Pod, Surroundings, Tell
from backstage_py.scaffolder.executors.kubernetes.pool import Pool
from backstage_py.scaffolder.executors.kubernetes.workspace import SentWorkspace


@dataclass(slots=True, eq=False, weakref_slot=True)
class Pods:
    """Hands out pods and takes them back.

    Attributes:
        around: what they are made with.
        bounds: of the workspace.
        resumes: a step that has begun may begin again, as it does when a replica is lost.
        depot: the attempt's part of a bucket; None without one.
    """

    around: Surroundings
    bounds: Bounds
    resumes: bool
    pool: Pool
    depot: Depot | None = None
    number: int = 0
    _contents: Contents | None = None
    _kept: dict[str, Pod] = field(default_factory=dict)
    _images: dict[Pod, str] = field(default_factory=dict)

    def retries(self, *, has_begun: bool) -> int:
        """Return how often a step begins again when its pod is lost."""
        return self.around.settings.lost if self.resumes or not has_begun else 0

    def take(self, call: Call, root: Path, tell: Tell, image: str = "") -> Pod:
        """Return a pod for a call: the one that the task keeps for this image, or a new one."""
        kept = self._kept.pop(image, None) if image else None
        if kept and kept.is_usable:
            return kept
        pod = self._warm(call, root) or Pod(self.around, call, self._sent(root), tell)
        if image:
            self._images[pod] = image
        return pod

    def _warm(self, call: Call, root: Path) -> Pod | None:
        """Return a pod that waits for a call already."""
        pod = self.pool.take(jobs.image_of(call, self.around.settings))
        if pod:
            pod.adopt(call, self._sent(root))
        return pod

    def give_back(self, pod: Pod, *, is_clean: bool) -> None:
        """Keep a pod for the next step, or end it."""
        image = self._images.get(pod)
        if image and is_clean and pod.is_usable:
            self._kept[image] = pod
            return
        self._images.pop(pod, None)
        pod.end(kill=not is_clean)

    def end(self) -> None:
        """End what is kept: the attempt is over."""
        for pod in self._kept.values():
            pod.end(kill=False)
        self._kept.clear()
        self._images.clear()
        if self._contents:
            self.around.later(_close(self._contents))
            self._contents = None

    def _sent(self, root: Path) -> SentWorkspace:
        """Return the workspace for one more session."""
        if self._contents is None:
            self._contents = Contents(root, self.bounds, self.depot)
        return SentWorkspace(self._contents)


async def _close(contents: Contents) -> None:
    await threads.file_work(contents.close)
    if contents.depot:
        await threads.remote_call(LANE, contents.depot.close)
