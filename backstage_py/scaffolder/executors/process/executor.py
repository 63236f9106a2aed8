"""Calling handlers in a process that a run has for itself, started when its first action needs one."""

import asyncio
import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

from backstage_py.plugin import Action, ActionContext
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.process.child import Child
from backstage_py.scaffolder.executors.process.places import Place, Places
from backstage_py.scaffolder.executors.process.zygote import Zygote
from backstage_py.scaffolder.queue.removal import remove_folders
from backstage_py.settings.sections import ProcessSettings

_calls = itertools.count(1)


class ProcessExecutor:
    """All processes of actions that this service has.

    Args:
        settings: their bounds.
        folder: of actions that are plain files.
        reloads: whether these may change while the service runs.
    """

    def __init__(self, settings: ProcessSettings, folder: Path | None = None, *, reloads: bool = False) -> None:
        self.settings = settings
        self.zygote = Zygote(folder, reloads=reloads, chosen=settings.environment, idle=settings.idle)
        self.places = Places(settings.at_once)

    def of_run(self, _facts: object, *, each_step: bool) -> "ProcessRun":
        """Return what calls handlers for one run, in one process or in a new one for each call."""
        return ProcessRun(self, each_step=each_step)

    async def close(self) -> None:
        """End the zygote."""
        await self.zygote.close()


class ProcessRun:
    """The process of one run; see ``executor.Executor``."""

    def __init__(self, owner: ProcessExecutor, *, each_step: bool) -> None:
        self._owner = owner
        self._each_step = each_step
        self._place: Place | None = None
        self._child: Child | None = None
        self._folder: Path | None = None

    def start(self, action: Action, context: ActionContext[Any]) -> "ProcessExecution":
        """Run the action's handler once, as soon as there is a place."""
        self._folder = context.workspace.root
        if self._place is None:
            self._place = self._owner.places.take(action.id)
        return ProcessExecution(self, action, context)

    @property
    def warm(self) -> Child | None:
        """The process, if it can take a call at once."""
        return self._child if self._child and self._child.is_usable else None

    async def child(self) -> Child:
        """Return the process, a new one where there is none that can be used."""
        if self._place:
            await self._place.had
        if (found := self.warm) is None:
            await self.end_child()
            found = self._child = await Child.start(self._owner.zygote, self._owner.settings)
        return found

    async def settle(self, host: Host | None) -> None:
        """Keep the process for the next call, if it is as good as new; else end it."""
        is_clean = host is not None and host.ended.done() and host.is_clean
        if self._each_step or not is_clean or self.warm is None:
            await self.end_child()

    async def end_child(self) -> None:
        """End the process, and remove what it has left beside its workspace."""
        child, self._child = self._child, None
        if child:
            await child.end()
            if self._folder:
                prefix = f"{self._folder.name}_step-"
                with suppress(OSError):
                    await remove_folders([one for one in self._folder.parent.iterdir() if one.name.startswith(prefix)])

    async def close(self) -> None:
        """End it: the run is over."""
        try:
            await self.end_child()
        finally:
            if self._place:
                self._owner.places.give_back(self._place)
                self._place = None


class ProcessExecution:
    """One call of a handler; see ``executor.Execution``. ``ended`` raises errors of ours, or what the host raises."""

    def __init__(self, run: ProcessRun, action: Action, context: ActionContext[Any]) -> None:
        self._run = run
        self._action = action
        self._context = context
        self._host: Host | None = None
        self._telling: list[asyncio.Task[None]] = []
        self.begun: asyncio.Future[None] | None = None
        if run.warm is None:
            self.begun = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.ensure_future(self._call())

    def cancel(self) -> None:
        """Interrupt the handler, or take it out of the queue."""
        if self._host:
            self._telling.append(asyncio.create_task(self._host.cancel(interrupt=True)))
        else:
            self.ended.cancel()

    async def close(self) -> None:
        """Expect nothing more of it; a process that has not ended it is ended."""
        self.ended.cancel()
        for one in self._telling:
            one.cancel()
        if self._host:
            self._host.close()
        await asyncio.wait({self.ended})
        if not self.ended.cancelled():
            self.ended.exception()
        await self._run.settle(self._host)

    async def _call(self) -> None:
        try:
            child = await self._run.child()
            call = f"{self._context.task_id}-{next(_calls)}"
            folder = str(self._context.workspace.root)
            host = self._host = Host(self._action, self._context, child.wire.send, call, folder, self._context.services)
            self._telling.append(asyncio.create_task(host.tell_signal()))
            await child.wire.begin(host)
        finally:
            if self.begun and not self.begun.done():
                self.begun.set_result(None)
        await host.ended
