"""What the scaffolder counts."""

from backstage_py.metrics.instruments import WAITS, Origin, counter, gauge, histogram

_B = Origin.BACKSTAGE

TASK_COUNT = counter("scaffolder_task_count", "Count of task runs", "template", "result", origin=_B)
TASK_DURATION = histogram("scaffolder_task_duration", "Duration of a task run", "template", "result", origin=_B)
STEP_COUNT = counter("scaffolder_step_count", "Count of step runs", "template", "step", "result", origin=_B)
STEP_DURATION = histogram("scaffolder_step_duration", "Duration of a step run", "template", "step", "result", origin=_B)
QUEUE_WAIT = histogram(
    "backstage_py_task_queue_wait_seconds", "From a task's creation to its first claim", buckets=WAITS
)
ATTEMPTS = counter(
    "backstage_py_task_attempts_total",
    "Attempts at tasks that are over, by how: completed, failed, cancelled, handed_back (to another process), lost "
    "(another process had taken it) or broken (nothing could be written; recovery takes it up)",
    "outcome",
)
RECOVERED = counter("backstage_py_tasks_recovered_total", "Tasks of dead processes that went back into the queue")
RUNNING = gauge("backstage_py_tasks_running", "Tasks that run in the processes of this replica")
PLACES = gauge("backstage_py_task_places", "Tasks that may run at once in the processes of this replica")
STREAMS = gauge("backstage_py_event_streams", "Open streams of tasks' events")
STREAM_LAG = histogram(
    "backstage_py_event_stream_lag_seconds", "From an event's creation to the moment at which a follower gets it"
)
POLICY_FINDINGS = counter(
    "backstage_py_policy_decisions_total",
    "Actions of templates that scaffolder.policies were asked about, by their answer: allowed, warned or denied",
    "decision",
)
REDACTIONS = counter(
    "backstage_py_redactions_total", "Texts of logs, events and answers out of which a secret was taken"
)
BUDGET_REFUSALS = counter(
    "backstage_py_budget_refusals_total",
    "Requests and runs that took more than scaffolder.limits allow, by what there was too much of",
    "limit",
)
