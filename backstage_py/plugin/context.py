"""What an action gets when it runs."""

import asyncio
import inspect
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from backstage_py import threads
from backstage_py.errors import PermanentError
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.cancellation import CancelSignal
from backstage_py.plugin.clock import Clock, SystemClock
from backstage_py.plugin.effects import Create, Effect, EffectStore, Find, JsonT, Unknown
from backstage_py.plugin.http import BackstageHttp
from backstage_py.plugin.progress import Progress
from backstage_py.plugin.services import (
    BackstageClient,
    CatalogClient,
    ScmIntegrations,
    Services,
    UrlReader,
    required,
)
from backstage_py.plugin.workspace import Workspace

InputT = TypeVar("InputT")
T = TypeVar("T")


class ActionLogger(Protocol):
    """The step's log, streamed to the task page. Secrets are redacted behind it. Callable from any thread."""

    def debug(self, message: str) -> None:
        """Say what only helps to find a fault."""

    def info(self, message: str) -> None:
        """Say what was done."""

    def warning(self, message: str) -> None:
        """Say what a person should look at."""

    def error(self, message: str) -> None:
        """Say what failed; raising ends the step, this does not."""


class OutputSink(EffectStore, Protocol):
    """Where outputs, checkpoints and effects of a step go; the runner provides it."""

    def output(self, name: str, value: Json) -> None:
        """Record an output."""

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json]]) -> Json:
        """Return what ``function`` returned the first time this step reached ``key``."""


@dataclass(frozen=True, slots=True)
class User:
    """Who started the task.

    Attributes:
        ref: complete reference, e.g. ``user:default/ada``; None when nobody or a service did.
        entity: the user's entity, None when the catalog has none.
    """

    ref: str | None = None
    entity: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class StepInfo:
    """The running step: ``id`` and ``name`` as the template has them; the name is the id's when it has none."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """The template that the task was made of.

    Attributes:
        entity_ref: complete reference, e.g. ``template:default/service``.
        base_url: where the template's file was read, from which relative URLs start; ``file:`` for local ones.
        entity: ``{"metadata": …}`` of the template.
    """

    entity_ref: str
    base_url: str | None = None
    entity: JsonObject | None = None


@dataclass(slots=True)
class ActionContext(Generic[InputT]):
    """The only argument of an action.

    Attributes:
        input: the rendered and checked input, in the type that ``@action`` names.
        logger: the task's log.
        workspace: the task's folder; it lives until the task ends, and the steps after this one see it.
        task_id: the task's id, the same when it runs again after a crash.
        step: the running step.
        services: what the properties below come from, and ``services.config``.
        secrets: the secrets of this run by name, among them ``backstageToken`` of the user.
        user: who started the task.
        template_info: the template; None when the action was called without one, as by another backend.
        is_dry_run: nothing outside the workspace may change.
        signal: set when the task is cancelled; heed it in long work.
        each: ``{"key": …, "value": …}`` of the current item of the step's ``each``, None without one.
        clock: what time it is; a test brings its own.
        waiter: runs a coroutine for ``wait``; the runner provides it.
    """

    input: InputT
    logger: ActionLogger
    workspace: Workspace
    task_id: str
    step: StepInfo
    sink: OutputSink
    services: Services = field(default_factory=Services)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: User = field(default_factory=User)
    template_info: TemplateInfo | None = None
    is_dry_run: bool = False
    signal: CancelSignal = field(default_factory=CancelSignal)
    each: JsonObject | None = None
    temporary_directories: list[Path] = field(default_factory=list, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    waiter: Callable[[Coroutine[Any, Any, Any]], Any] = field(default=asyncio.run, repr=False)
    _progress: Progress | None = field(default=None, repr=False)

    @property
    def url_reader(self) -> UrlReader:
        """Reads files and trees by URL."""
        return required(self.services.url_reader, "URL reader")

    @property
    def catalog(self) -> CatalogClient:
        """The catalog."""
        return required(self.services.catalog, "catalog")

    @property
    def integrations(self) -> ScmIntegrations:
        """The configured git hosts."""
        return required(self.services.integrations, "integrations")

    @property
    def backstage(self) -> BackstageClient:
        """HTTP to Backstage's plugins, bytes in and out; ``http`` is the comfortable form."""
        return required(self.services.backstage, "Backstage client")

    @property
    def http(self) -> BackstageHttp:
        """HTTP to Backstage's plugins as the user: ``await ctx.http.get("/api/catalog/entities")``."""
        return BackstageHttp(self.backstage, self.token)

    @property
    def token(self) -> str | None:
        """The user's Backstage token, if the task has one."""
        return self.secrets.get("backstageToken")

    def output(self, name: str, value: Json) -> None:
        """Set an output of the step; later steps read ``steps.<id>.output.<name>``.

        With ``each`` in the step, outputs of the same name are collected in a list, as in Backstage.

        Raises:
            BackstageError: the value is no JSON.
        """
        self.sink.output(name, value)

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json] | Json]) -> Json:
        """Run ``function`` once per task, even when the step runs again after a crash, and return its value.

        As Backstage's ``ctx.checkpoint({key, fn})``, with its rule that None is stored as ``{}``.

        Args:
            key: one in this step; another step may use the same.
            function: ``async def`` or plain, without arguments. Its value must be JSON and is stored before this
                returns; what it raises is raised, and nothing is stored.
        """

        async def value() -> Json:
            found = function()
            return await found if inspect.isawaitable(found) else found

        return await self.sink.checkpoint(key, value)

    async def effect(
        self,
        key: str,
        *,
        create: Create[JsonT],
        find: Find[JsonT] | None = None,
        if_unknown: Unknown = "stop",
        in_dry_run: JsonT | None = None,
    ) -> JsonT:
        """Have an effect outside of the workspace once per task, also when the answer to it is lost.

        That it is about to happen is stored before it happens, and its result behind it, so a step that runs again
        returns the result or, when there is none, looks whether it happened. A checkpoint repeats it then.

        Args:
            key: one in this step; another step may use the same.
            create: has the effect, and leaves the marker on what it makes. ``async def`` or plain, like ``find``; both
                get the marker: the task's id and eight more letters, in all at most 63 of a-z, 0-9 and ``-``.
            find: returns what ``create`` returned if there is something with this marker, else None. It proves that
                the thing is this task's: one that merely has the same name is somebody else's.
            if_unknown: what happens without ``find`` when an earlier run may have had the effect: ``stop`` fails the
                step once with an error that says so (at most once), ``create`` has it again (at least once).
            in_dry_run: what a dry run returns, in which nothing is created.

        Raises:
            ConflictError: it is not known whether it happened; see ``if_unknown``.
            PermanentError: the result is not JSON, or this is a dry run without ``in_dry_run``.
            BackstageError: what ``create`` or ``find`` raised. After an error whose ``is_refusal`` is true, as that of
                an answer with 4xx is, nothing was created, and a retry creates anew; after any other it looks first.
        """
        if self.is_dry_run:
            if in_dry_run is None:
                raise PermanentError(f"A dry run has no effects; give the effect '{key}' a value with 'in_dry_run='")
            self.logger.info(f"Not doing '{key}' in a dry run")  # noqa: G004  # the task's log
            return in_dry_run
        return await Effect(key, self.sink, self.logger, create, find, if_unknown).once(self.task_id)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine from a plain function and return its value: ``ctx.wait(ctx.http.get(…))``.

        Raises:
            TypeError: ``work`` is no coroutine.
            RuntimeError: called on the event loop, where ``await`` is the word.
        """
        if not inspect.iscoroutine(work):
            raise TypeError(f"'ctx.wait' takes a coroutine, as in 'ctx.wait(ctx.http.get(…))', not {work!r:.80}")
        if threads.is_on_a_loop():
            work.close()
            raise RuntimeError("'ctx.wait' is for plain functions; in an 'async def' write 'await' instead")
        found: T = self.waiter(work)
        return found

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``, or return early when the task is cancelled; ``signal.is_set`` tells which."""
        waits = [asyncio.ensure_future(self.clock.sleep(seconds)), asyncio.ensure_future(self.signal.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far long work is; the log gets at most one line each few seconds, and the last one.

        Args:
            done: what is done, in any unit, or a share between 0 and 1 without ``total``.
            total: what there is to do, in the same unit.
            message: what is being done.
        """
        if self._progress is None:
            self._progress = Progress(self.logger, self.clock)
        self._progress.report(done, total, message)

    def temporary_directory(self) -> Path:
        """Make an empty folder beside the workspace; it is removed when the step ends, whatever its end is."""
        root = self.workspace.root
        folder = Path(tempfile.mkdtemp(prefix=f"{root.name}_step-", dir=root.parent))
        self.temporary_directories.append(folder)
        return folder
