"""Spans that an action makes in a process of its own: they go to the service as values, which exports them as its own.

So an action's process needs neither the collector's address nor its credentials.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from backstage_py.tracing import exporting, spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

Told = dict[str, Any]
"""A span: ``{name, traceId, spanId, parentId, start, end, kind, attributes, status, said, scope}``; times in ns."""
Tell = Callable[[Told], None]

_tell: Tell = lambda _: None  # noqa: E731  # where spans go at the moment
_is_ready = False


@contextmanager
def within(headers: Mapping[str, str], tell: Tell) -> Iterator[None]:
    """Go on where a trace stood elsewhere, as its headers say, and tell of the spans that are made in the block."""
    global _tell  # noqa: PLW0603  # one for the process, as the library's provider
    if not headers or not _prepared():
        yield
        return
    _tell = tell
    with _going_on(headers):
        yield


@contextmanager
def asked_within(headers: Mapping[str, str]) -> Iterator[None]:
    """Do what an action asks for below the span in which it asked."""
    if not headers or not spans.are_on():
        yield
        return
    with _going_on(headers):
        yield


@contextmanager
def _going_on(headers: Mapping[str, str]) -> Iterator[None]:
    from opentelemetry import context
    from opentelemetry.propagate import extract

    token = context.attach(extract(headers))
    try:
        yield
    finally:
        context.detach(token)


def take(told: Told, trace_id: str | None) -> None:
    """Export a span of an action, if it belongs to the trace of its step; what is none is dropped."""
    export = exporting.export
    if export is None or told.get("traceId") != trace_id:
        return
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        export(_rebuilt(told))


def _prepared() -> bool:
    """Have spans of this process told; whether the library is there for that."""
    global _is_ready  # noqa: PLW0603  # as above
    if _is_ready:
        return True
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
    except ImportError:
        return False

    class Telling(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            """Tell the service."""
            for one in spans:
                assert isinstance(one, ReadableSpan)  # noqa: S101  # for the type
                _tell(_told(one))
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Telling()))
    trace.set_tracer_provider(provider)
    spans.use(provider.get_tracer("backstage_py"))
    _is_ready = True
    return True


def _told(span: "ReadableSpan") -> Told:
    context, parent = span.get_span_context(), span.parent
    return {
        "name": span.name,
        "traceId": f"{context.trace_id:032x}" if context else "",
        "spanId": f"{context.span_id:016x}" if context else "",
        "parentId": f"{parent.span_id:016x}" if parent else None,
        "start": span.start_time,
        "end": span.end_time,
        "kind": span.kind.name,
        "attributes": {name: _plain(value) for name, value in (span.attributes or {}).items()},
        "status": span.status.status_code.name,
        "said": span.status.description,
        "scope": span.instrumentation_scope.name if span.instrumentation_scope else "",
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value


def _rebuilt(told: Told) -> "ReadableSpan":
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    trace = int(told["traceId"], 16)
    code, said = StatusCode[told["status"]], told["said"]

    def context(span_id: str) -> SpanContext:
        return SpanContext(trace, int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        name=str(told["name"]),
        context=context(told["spanId"]),
        parent=context(told["parentId"]) if told["parentId"] else None,
        resource=exporting.resource(),
        attributes=dict(told["attributes"]),
        kind=SpanKind[told["kind"]],
        status=Status(code, said if code is StatusCode.ERROR else None),
        start_time=int(told["start"]),
        end_time=int(told["end"]),
        instrumentation_scope=InstrumentationScope(str(told["scope"])),
    )
