"""What operators see of attempts and steps besides events: how they ended and how long they took; in numbers, spans."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from structlog.contextvars import bound_contextvars

from backstage_py.metrics.scaffolder import ATTEMPTS, STEP_COUNT, STEP_DURATION, TASK_COUNT, TASK_DURATION
from backstage_py.model.task import Claim
from backstage_py.scaffolder.run.context import RunContext
from backstage_py.scaffolder.run.spec import Step
from backstage_py.tracing import spans


@dataclass(slots=True)
class Observed:
    """How a step ended: ``ok``, ``failed``, ``cancelled`` or ``skipped``, in Backstage's words."""

    result: str = "ok"


@contextmanager
def attempt(claim: Claim) -> Iterator[None]:
    """Observe an attempt: its lines name task and user, its span is the top of the task's trace."""
    template, user = _template(claim), claim.task.created_by or ""
    attributes: dict[str, spans.Value] = {"backstage.template": template, "backstage.user": user}
    ids = {"task_id": claim.id, "attempt": claim.number, **({"user": user} if user else {})}
    with bound_contextvars(**ids), spans.task(f"task {template}", claim.id, **attributes) as span:
        span.set("backstage.task.id", claim.id)
        span.set("backstage.attempt", claim.number)
        yield


def attempt_ended(claim: Claim, outcome: str, seconds: float) -> None:
    """Count an attempt with which its task ended: ``completed``, ``failed`` or ``cancelled``."""
    template, result = _template(claim), "ok" if outcome == "completed" else outcome
    ATTEMPTS.inc(outcome)
    TASK_COUNT.inc(template, result)
    TASK_DURATION.observe(seconds, template, result)
    spans.current().set("backstage.result", result)
    if outcome == "failed":
        spans.current().fail(outcome)


def _template(claim: Claim) -> str:
    return str((claim.task.spec.get("templateInfo") or {}).get("entityRef") or "")


@contextmanager
def step(run: RunContext, one: Step) -> Iterator[Observed]:
    """Observe a step, which ends with the block; one that is left by an exception goes on elsewhere, and counts there.

    Dry runs are no runs.
    """
    observed, began = Observed(), time.monotonic()
    attributes = {"backstage.step.id": one.id, "backstage.action": one.action}
    with bound_contextvars(step_id=one.id), spans.span(f"step {one.id}", **attributes) as span:
        yield observed
        span.set("backstage.result", observed.result)
        if observed.result == "failed":
            span.fail(observed.result)
    if run.is_dry_run:
        return
    template = run.spec.template_info.entity_ref if run.spec.template_info else ""
    STEP_COUNT.inc(template, one.name, observed.result)
    STEP_DURATION.observe(time.monotonic() - began, template, one.name, observed.result)
