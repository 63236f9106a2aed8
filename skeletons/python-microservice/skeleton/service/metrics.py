"""Metrics: rate, errors and duration of requests, in the text format of Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from service import NAME, TEAM

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_LABELS = ("route", "method", "code")

disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types for it


class Metrics:
    """What is counted. Labels have few values: a route is a pattern, never a path that was sent."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        info = Gauge(
            "service_info",
            "What runs here.",
            ("service", "team", "version"),
            registry=self.registry,
        )
        info.labels(NAME, TEAM, version).set(1)
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests that are being answered.", registry=self.registry
        )
        self._requests = Counter(
            "http_requests_total", "Requests answered.", _LABELS, registry=self.registry
        )
        self._durations = Histogram(
            "http_request_duration_seconds",
            "How long answers took.",
            _LABELS,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )

    def observe(self, route: str, method: str, code: int, seconds: float) -> None:
        labels = (route, method if method in _METHODS else "other", str(code))
        self._requests.labels(*labels).inc()
        self._durations.labels(*labels).observe(seconds)
