"""What the processes of a replica count: requests, the database, permissions, their own loops."""

from backstage_py.metrics.instruments import counter, gauge, histogram

REQUESTS = counter(
    "backstage_py_http_requests_total",
    "Requests answered, by plugin (the empty one: outside all of them), method and status",
    "plugin",
    "method",
    "status",
)
REQUEST_SECONDS = histogram(
    "backstage_py_http_request_seconds",
    "From a request's headers to the end of its answer; event streams are left out",
    "plugin",
)
DATABASE_SECONDS = histogram(
    "backstage_py_database_seconds",
    "Reads and writes as their callers see them, waiting for a connection included",
    "operation",
)
DATABASE_ERRORS = counter(
    "backstage_py_database_errors_total",
    "Reads and writes that failed, by what is at fault: lost (no answer), busy, slow, interference or other",
    "fault",
)
CONNECTIONS = gauge(
    "backstage_py_database_connections", "Connections that are open, and those that work at this moment", "state"
)
LOOP_LAG = histogram(
    "backstage_py_event_loop_lag_seconds", "How late the event loop comes round, looked at twice a second"
)
LOOP_DEATHS = counter(
    "backstage_py_background_loop_deaths_total", "Loops in the background that ended and were started again", "loop"
)
DECISIONS = counter(
    "backstage_py_permission_decisions_total",
    "Decisions about users and services: allow, deny, conditional, or error where there was no answer",
    "permission",
    "decision",
)
WORKER_DEATHS = counter(
    "backstage_py_worker_deaths_total", "Worker processes that ended by themselves and were started again"
)
