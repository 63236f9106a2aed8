"""Spans, if somebody wants them: of requests, tasks, steps and actions."""

import hashlib
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

Value = str | int | float | bool
wanted_trace: ContextVar[int | None] = ContextVar("wanted_trace", default=None)
"""The id that the next new trace gets."""
_TRACE_BYTES = 16


class Span(Protocol):
    """What may be said of what goes on."""

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def fail(self, message: str) -> None:
        """Say that it failed, in words without secrets."""


class _NoSpan:
    def set(self, name: str, value: Value) -> None:
        """Forget it."""

    def fail(self, message: str) -> None:
        """Forget it."""


class _RealSpan:
    def __init__(self, span: object) -> None:
        from opentelemetry.trace import Span as Theirs

        assert isinstance(span, Theirs)  # noqa: S101  # for the type; the library made it
        self._span = span

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def fail(self, message: str) -> None:
        """Say that it failed."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, message))


_NO_SPAN = _NoSpan()
_tracer: "Tracer | None" = None


def use(tracer: "Tracer | None") -> None:
    """Have spans made by a tracer from now on, or none."""
    global _tracer  # noqa: PLW0603  # one for the process, as in the library
    _tracer = tracer


def are_on() -> bool:
    """Return whether spans are made."""
    return _tracer is not None


@contextmanager
def span(name: str, **attributes: Value) -> Iterator[Span]:
    """Make a span of the block, below what goes on around it; threads that the block starts are below it, too.

    What is raised is not recorded, since messages may quote anything.
    """
    if _tracer is None:
        yield _NO_SPAN
        return
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        yield _RealSpan(made)


@contextmanager
def nothing() -> Iterator[Span]:
    """Make no span of the block."""
    yield _NO_SPAN


@contextmanager
def request(name: str, headers: Mapping[str, str], **attributes: Value) -> Iterator[Span]:
    """Make a span of answering a request, in the trace that its headers name, if any (``traceparent``)."""
    if _tracer is None:
        yield _NO_SPAN
        return
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(
        name,
        context=extract(headers),
        kind=SpanKind.SERVER,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        yield _RealSpan(made)


@contextmanager
def task(name: str, task_id: str, **attributes: Value) -> Iterator[Span]:
    """Make a span of an attempt at a task, at the top of the task's trace."""
    if _tracer is None:
        yield _NO_SPAN
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    token = wanted_trace.set(int(trace_of(task_id), 16))
    try:
        made = _tracer.start_span(name, context=Context(), kind=SpanKind.CONSUMER, attributes=attributes)
    finally:
        wanted_trace.reset(token)
    from opentelemetry.trace import use_span

    with use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        yield _RealSpan(made)


def current() -> Span:
    """Return the span in which this runs."""
    if _tracer is None:
        return _NO_SPAN
    from opentelemetry import trace

    return _RealSpan(trace.get_current_span())


def here() -> "Context | None":
    """Return where in a trace this runs, for ``go_on`` elsewhere."""
    if _tracer is None:
        return None
    from opentelemetry import context

    return context.get_current()


def go_on(place: "Context | None") -> None:
    """Go on in this context where a trace stood elsewhere."""
    if place is not None:
        from opentelemetry import context

        context.attach(place)


def trace_of(task_id: str) -> str:
    """Return the id of a task's trace; it is spread evenly, as samplers want it."""
    return hashlib.blake2b(task_id.encode(), digest_size=_TRACE_BYTES).hexdigest()


def ids() -> tuple[str, str] | None:
    """Return the ids of trace and span in which this runs."""
    if _tracer is None:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def trace_id() -> str | None:
    """Return the id of the trace in which this runs."""
    found = ids()
    return found[0] if found else None


def hand_on(headers: MutableMapping[str, str]) -> None:
    """Add to a request's headers in which trace it is sent."""
    if _tracer is not None:
        from opentelemetry.propagate import inject

        inject(headers)
