"""Setting OpenTelemetry up as its environment variables say: https://opentelemetry.io/docs/languages/sdk-configuration/."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from backstage_py.errors import SettingsError
from backstage_py.tracing import spans

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_SPEAKS: Final = "http/protobuf"
_SERVICE = "backstage-py"
export: "Callable[[ReadableSpan], None] | None" = None
"""Sends a span that was made elsewhere; None while traces are off."""


def is_wanted(env: Mapping[str, str]) -> bool:
    """Return whether the variables ask for traces: an endpoint or exporter is named, and nothing switches them off."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get(_EXPORTER) == "none":
        return False
    return bool(env.get(_EXPORTER) or any(env.get(name) for name in _ENDPOINTS))


@contextmanager
def running(env: Mapping[str, str]) -> Iterator[None]:
    """Export spans until the block is left, then what is not sent yet; the library reads the other variables itself.

    Raises:
        SettingsError: they ask for what is not here.
    """
    exporter = env.get(_EXPORTER) or "otlp"
    if exporter != "otlp":
        raise SettingsError(_EXPORTER, f"expected otlp or none, found '{exporter}'")
    for name in _PROTOCOLS:
        if env.get(name) not in {None, "", _SPEAKS}:
            raise SettingsError(name, f"expected {_SPEAKS}, found '{env[name]}'; collectors take it at port 4318")
    global export  # noqa: PLW0603  # one for the process, as in the library
    provider, processor = _provider()
    spans.use(provider.get_tracer("backstage_py"))
    export = processor.on_end
    try:
        yield
    finally:
        spans.use(None)
        export = None
        provider.shutdown()


def resource() -> "Resource":
    """Return what spans say of this service."""
    from opentelemetry.sdk.resources import Resource

    is_named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({} if is_named else {"service.name": _SERVICE})


def _provider() -> "tuple[TracerProvider, BatchSpanProcessor]":
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Ids at random, but for a trace whose id is known beforehand."""

        def generate_trace_id(self) -> int:
            """Return the wanted id, or one at random."""
            return spans.wanted_trace.get() or super().generate_trace_id()

    provider = TracerProvider(resource=resource(), id_generator=Ids(), shutdown_on_exit=False)
    processor = BatchSpanProcessor(OTLPSpanExporter())
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)  # the spans of actions, and of libraries that they instrument, join ours
    return provider, processor
