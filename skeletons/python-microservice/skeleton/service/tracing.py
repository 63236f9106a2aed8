"""Traces by OpenTelemetry, where its variables name a receiver; nothing otherwise."""

import os
from collections.abc import Callable

from fastapi import FastAPI

from service import NAME
from service.probes import PATHS
from service.settings import Settings

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def is_wanted() -> bool:
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(os.environ.get(name) for name in _ENDPOINTS)


def instrument(app: FastAPI, settings: Settings) -> Callable[[], None]:
    """Trace the requests of the app. Call what is returned at the end: it sends what is left."""
    if not is_wanted():
        return lambda: None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", NAME)
    resource = Resource.create({SERVICE_NAME: name, SERVICE_VERSION: settings.version})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, excluded_urls=",".join(sorted(PATHS))
    )
    return provider.shutdown
