"""One call of an action in a pod, and in another one when that is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.metrics.executors import POD_FAILURES, POD_RETRIES
from backstage_py.model.json import Json
from backstage_py.plugin import Action, ActionContext
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.kubernetes.job import Call
from backstage_py.scaffolder.executors.kubernetes.lent import Lent
from backstage_py.scaffolder.executors.kubernetes.pod import Pod, PodFailed, next_try
from backstage_py.scaffolder.executors.kubernetes.pods import Pods


@dataclass(frozen=True, slots=True)
class Asked:
    """What is run: an action with its context, as which call, in whose pods.

    Attributes:
        owners: returns those of the template, as the catalog knows them.
        image: of a pod that is kept for the next step; empty for one of its own.
    """

    action: Action
    context: ActionContext[Any]
    call: Call
    pods: Pods
    owners: Callable[[], Awaitable[Sequence[str]]]
    image: str = ""


class KubernetesExecution:
    """One call of a handler; see ``executor.Execution``."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._host: Host | None = None
        self._is_over = False
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun: asyncio.Future[None] | None = self._begun
        self.ended: asyncio.Future[None] = asyncio.ensure_future(self._run())
        self.ended.add_done_callback(lambda _: self._begin())  # who waits for its beginning waits no longer

    def cancel(self) -> None:
        """Interrupt the handler, or give up its pod."""
        host = self._host
        if host is None or not self._begun.done():
            self.ended.cancel()
        else:
            self._asked.pods.around.later(host.cancel(interrupt=True))

    async def close(self) -> None:
        """Want nothing more: what still runs is fenced, and its Job is deleted."""
        self._is_over = True
        if self._host:
            self._host.close()
        if not self.ended.done():
            self.ended.cancel()
        await asyncio.wait({self.ended})
        if not self.ended.cancelled():
            self.ended.exception()  # retrieved, so that asyncio does not report what nobody waits for

    async def _run(self) -> None:
        pods = self._asked.pods
        call = replace(self._asked.call, owners=await self._asked.owners())
        while True:
            try:
                await self._once(call)
            except PodFailed as error:
                POD_FAILURES.inc(error.failure.reason.value)
                if not error.is_lost or call.retry >= pods.retries(has_begun=self._begun.done()):
                    raise BackstageError(f"{error.failure.words}.") from error
                call = next_try(call)
                POD_RETRIES.inc()
                self._say(f"{error.failure.words}; the step begins again in another pod (try {call.retry + 1})")
            else:
                return

    async def _once(self, call: Call) -> None:
        """Run the action in one pod."""
        asked, pods = self._asked, self._asked.pods
        lent = self._lent()
        pod = pods.take(call, asked.context.workspace.root, self._say, asked.image)
        host = self._host = self._hosted(lent, pod, call)
        signalled = asyncio.create_task(self._tell_cancelled(host))
        is_well = False
        try:
            pod.listen(host.take, self._say)
            await pod.session.say(host.begin())
            told = asyncio.ensure_future(pod.session.delivered())
            try:
                await asyncio.wait({told, pod.failed, host.ended}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                told.cancel()
            if told.done() and not told.cancelled():
                self._begin()  # a pod that was lost before has begun nothing
            await asyncio.wait({pod.failed, host.ended}, return_when=asyncio.FIRST_COMPLETED)
            if not host.ended.done():
                pod.failed.result()
            is_well = True
            host.ended.result()
        finally:
            signalled.cancel()
            host.close()
            pods.give_back(pod, is_clean=is_well and host.is_clean)

    def _lent(self) -> Lent:
        context, settings = self._asked.context, self._asked.pods.around.settings
        base = context.template_info.base_url if context.template_info else None
        return Lent(context.input, context.secrets, context.services, settings.config or (), settings.reads, base)

    def _hosted(self, lent: Lent, pod: Pod, call: Call) -> Host:
        asked = self._asked
        context = replace(asked.context, secrets=lent.secrets)
        overrides = lent.overrides
        if reader := asked.context.services.url_reader:

            async def read_tree(url: str, target: Any, *, etag: str | None = None, token: str | None = None) -> Json:
                """Read into a folder here, from which the pod gets it."""
                lent.check_read(url)
                root = asked.context.workspace.root
                with TemporaryDirectory(prefix=f"{root.name}_step-tree-", dir=root.parent) as folder:
                    found = await reader.read_tree(url, Path(folder), etag=etag, token=token)
                    if found is not None:
                        await threads.file_work(pod.session.workspace.keep_tree, str(target), Path(folder))
                return found

            overrides[("url_reader", "read_tree")] = read_tree
        return Host(
            asked.action, context, pod.session.say, call.key, None, lent.offered, overrides, caller=lent.as_user
        )

    async def _tell_cancelled(self, host: Host) -> None:
        with suppress(BackstageError):
            await host.tell_signal()

    def _begin(self) -> None:
        if not self._begun.done():
            self._begun.set_result(None)

    def _say(self, words: str) -> None:
        if not self._is_over:
            self._asked.context.logger.info(words)
