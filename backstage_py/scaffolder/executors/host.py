"""The service's side of one call of a handler that runs elsewhere: what it says is done, what it asks is answered.

Both are done with the real context of the step. The other side is not trusted: it may ask for what this call has, as
``execution.allowed`` lists it, for so much at once, and after the end of the call nothing is done any more.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from backstage_py.errors import BackstageError, InputError, NotAllowedError
from backstage_py.execution import allowed, failures, values
from backstage_py.execution.messages import (
    LARGEST,
    Answer,
    Ask,
    Begin,
    Cancel,
    CheckpointGet,
    CheckpointSet,
    Drop,
    Ended,
    FromHandler,
    FromService,
    Log,
    Note,
    Output,
    ProtocolError,
    Recall,
    Span,
)
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import ClaimLost
from backstage_py.plugin import Action, ActionContext, Services
from backstage_py.scaffolder.executors.kept import Checkpoints
from backstage_py.storage.faults import is_outage
from backstage_py.tracing import forwarding, spans

AT_ONCE = 64
"""Questions of a call that are answered at the same time."""
MOST_OPEN = 4096
"""Questions of a call that have no answer yet."""
_LARGE = 1024 * 1024
_MOST_SPANS = 1000
_LONGEST_WHERE = 4096
_LEVELS = frozenset({"debug", "info", "warning", "error"})

_log = structlog.get_logger(__name__)

Send = Callable[[FromService], Awaitable[None]]
Overrides = Mapping[tuple[str, str], Callable[..., Awaitable[Any]]]
"""What answers in place of a service, by service and method: where files are to go to another machine."""


@dataclass(slots=True)
class Host:
    """Answers one call.

    Attributes:
        action: what is called.
        context: of the step; ``input`` is the rendered input as JSON.
        send: takes a message for the handler; it may wait until there is room.
        call: the call's id.
        workspace: the task's folder where the handler sees it; None when it has to be fetched.
        services: those of the context, or fewer.
        overrides: answer instead of services.
        caller: returns the token with which an action of another plugin is run, for the one that the handler gave.
        reports: whether the operator's log says where a foreign exception came from.
        ended: the end of the handler, with an error of ours or without. What is of the run and not of the action (a
            claim that is lost, a budget that is used up) is raised as it is.
        is_clean: nothing of the action ran on when it had ended.
    """

    action: Action
    context: ActionContext[Any]
    send: Send
    call: str
    workspace: str | None
    services: Services
    overrides: Overrides = field(default_factory=dict)
    caller: Callable[[str | None], str | None] = lambda token: token
    reports: bool = True
    ended: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    is_clean: bool = False
    _is_open: bool = True
    _is_unwanted: bool = False
    _unflushed: int = 0
    _outage: BaseException | None = None
    _work: "dict[int, asyncio.Task[None]]" = field(default_factory=dict)
    _open_bytes: int = 0
    _spans_left: int = _MOST_SPANS
    _trace_id: str | None = field(default_factory=spans.trace_id)
    _variables: contextvars.Context = field(default_factory=contextvars.copy_context)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _checkpoints: Checkpoints = field(init=False)

    def __post_init__(self) -> None:
        self._checkpoints = Checkpoints(self.context.sink)

    def begin(self) -> Begin:
        """Return the message with which the call begins."""
        context, info = self.context, self.context.template_info
        headers: dict[str, str] = {}
        spans.hand_on(headers)
        return Begin(
            call=self.call,
            action_id=self.action.id,
            input=context.input,
            task_id=context.task_id,
            step={"id": context.step.id, "name": context.step.name},
            secrets=dict(context.secrets),
            user={"ref": context.user.ref, "entity": context.user.entity},
            template_info={"entityRef": info.entity_ref, "baseUrl": info.base_url, "entity": info.entity}
            if info
            else None,
            each=context.each,
            is_dry_run=context.is_dry_run,
            workspace=self.workspace,
            config=None if self.services.config is None else dict(self.services.config),
            services=self._offered(),
            trace=headers,
            timeout=self.action.timeout,
        )

    async def take(self, message: FromHandler, size: int = 0) -> None:
        """Do what a message says, or begin to; return when the next one may come.

        Args:
            message: of the handler.
            size: its bytes; what is open at a time has as many as one message may have, or a little more.

        Raises:
            ProtocolError: it makes no sense here.
        """
        while self._open_bytes > LARGEST and self._work:
            await asyncio.wait(set(self._work.values()), return_when=asyncio.FIRST_COMPLETED)
        if not self._is_open or self.ended.done():
            return
        match message:
            case Log():
                await self._say(message)
            case Output():
                self._output(message)
            case Recall():
                self._begin(message.id, size, self._recalled(message))
            case Note():
                self._begin(message.id, size, self._noted(message))
            case Ask():
                self._begin(message.id, size, self._asked(message))
            case CheckpointGet():
                self._begin(message.id, size, self._checkpoints.get(message.id, message.key))
            case CheckpointSet():
                self._begin(message.id, size, self._checkpoints.set(message.to, message.value))
            case Drop():
                self._drop(message.to)
            case Span():
                self._export(message)
            case Ended():
                self._end(message)

    async def cancel(self, *, interrupt: bool) -> None:
        """Tell the handler that it is not wanted any more."""
        self._is_unwanted = True
        if self._is_open and not self.ended.done():
            await self.send(Cancel(interrupt))

    async def tell_signal(self) -> None:
        """Tell the handler of the task's signal when that is set; it may heed it."""
        await self.context.signal.wait()
        await self.cancel(interrupt=False)

    def fail(self, error: BaseException) -> None:
        """End the call with an error that is not the handler's."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def close(self) -> None:
        """Answer nothing any more, and end what is being done for the handler."""
        self._is_open = False
        for one in self._work.values():
            one.cancel()
        self._checkpoints.close()

    async def _say(self, message: Log) -> None:
        logger = self.context.logger
        for line in message.lines:
            if len(line) != 2 or line[0] not in _LEVELS:  # noqa: PLR2004  # a level and a text
                raise ProtocolError("a line of it is no level and text")
            getattr(logger, line[0])(line[1])
            self._unflushed += len(line[1])
        flush = getattr(logger, "flush", None)
        if flush and self._unflushed > _LARGE:  # it keeps long lines back
            self._unflushed = 0
            await flush()

    def _output(self, message: Output) -> None:
        try:
            self.context.sink.output(message.name, message.value)
        except Exception as error:  # noqa: BLE001  # the handler has gone on, so its call fails
            self.fail(error)

    async def _recalled(self, message: Recall) -> Json:
        return self.context.sink.recall(message.key)

    async def _noted(self, message: Note) -> Json:
        await self.context.sink.note(message.key, message.state)
        return None

    async def _asked(self, message: Ask) -> Json:
        given = [values.unpacked(one) for one in message.args]
        named = {key: values.unpacked(one) for key, one in message.kwargs.items()}
        with forwarding.asked_within(message.trace):
            return values.packed(await self._called(message.service, message.method, given, named))

    async def _called(self, service: str, method: str, args: list[Any], kwargs: JsonObject) -> Any:
        methods = allowed.methods(service)
        target = getattr(self.services, service) if methods else None
        if target is None or method not in methods:
            raise NotAllowedError(f"This call has no '{service}' with a '{method}'")
        if (declared := allowed.signature(service, method)) is not None:
            try:
                declared.bind(*args, **kwargs)
            except TypeError as error:
                raise InputError(f"'{service}.{method}': {error}") from error
        if (override := self.overrides.get((service, method))) is not None:
            return await override(*args, **kwargs)
        if service == allowed.OWN_TOKEN:
            return target(*args)
        if method == allowed.RUN:
            return await self._run_remote(*args, **kwargs)
        found = getattr(target, method)(*args, **kwargs)
        return await found if methods[method] else found

    async def _run_remote(self, id_: str, given: JsonObject, token: str | None) -> Any:
        """Call an action of another plugin as its description promised."""
        token = self.caller(token)
        remote = self.services.remote_actions
        found = await remote.find(id_, token=token) if remote else None
        if found is None:
            raise NotAllowedError(f"No plugin offers the action '{id_}'")
        context = self.context
        secrets = {**context.secrets, "backstageToken": token} if token else context.secrets
        return await found.handler(
            ActionContext(
                given, context.logger, context.workspace, context.task_id, context.step, context.sink, secrets=secrets
            )
        )

    def _begin(self, id_: int, size: int, work: Coroutine[Any, Any, Json]) -> None:
        if id_ in self._work or len(self._work) >= MOST_OPEN:
            work.close()
            raise ProtocolError(f"it is one more than the {MOST_OPEN} questions that may be open, or has the id of one")

        def over(_: "asyncio.Task[None]") -> None:
            self._work.pop(id_, None)
            self._open_bytes -= size
            work.close()

        self._open_bytes += size
        task = self._work[id_] = asyncio.create_task(self._answer(id_, work), context=self._variables)
        task.add_done_callback(over)

    async def _answer(self, id_: int, work: Coroutine[Any, Any, Json]) -> None:
        try:
            async with self._places:
                answer = Answer(id_, await work)
        except ClaimLost as error:
            self.fail(error)
            return
        except ProtocolError as error:
            self.fail(BackstageError(f"The process of the action sent what makes no sense: {error}"))
            return
        except Exception as error:  # noqa: BLE001  # whatever a service raises is the handler's to know
            if is_outage(error):
                self._outage = error
            shown = error if isinstance(error, BackstageError) else failures.as_backstage_error(error)
            answer = Answer(id_, error=failures.told(shown))
        if not self._is_open:
            return
        try:
            await self.send(answer)
        except (TypeError, ValueError) as error:
            await self.send(Answer(id_, error=failures.told(BackstageError(f"The answer cannot be sent: {error}"))))

    def _drop(self, id_: int) -> None:
        self._checkpoints.drop(id_)
        if task := self._work.get(id_):
            task.cancel()

    def _export(self, message: Span) -> None:
        self._spans_left -= 1
        if self._spans_left >= 0:
            forwarding.take(message.span, self._trace_id)

    def _end(self, message: Ended) -> None:
        """Take the end of the handler, behind what it still asked for; nobody waits for those answers."""
        self.is_clean = message.is_clean
        if message.error is None:
            self.ended.set_result(None)
            return
        error = failures.rebuilt(message.error)
        error.__cause__ = self._outage
        if message.where and self.reports and not self._is_unwanted:
            where = message.where[:_LONGEST_WHERE]
            kind = error.message.partition(":")[0][:100]
            _log.warning("action_raised", action=self.action.id, task_id=self.context.task_id, error=kind, where=where)
        self.fail(error)

    def _offered(self) -> tuple[str, ...]:
        names = (*allowed.SERVICES, allowed.OWN_TOKEN)
        return tuple(name for name in names if getattr(self.services, name) is not None)
