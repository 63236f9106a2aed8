"""What operators see of a step besides its events: how it ended and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backstage_py.metrics.scaffolder import STEP_COUNT, STEP_DURATION
from backstage_py.scaffolder.run.context import RunContext
from backstage_py.scaffolder.run.spec import Step


@dataclass(slots=True)
class Observed:
    """How a step ended: ``ok``, ``failed``, ``cancelled`` or ``skipped``, in Backstage's words."""

    result: str = "ok"


@contextmanager
def step(run: RunContext, one: Step) -> Iterator[Observed]:
    """Observe a step, which ends with the block; one that is left by an exception goes on elsewhere, and counts there.

    Dry runs are no runs.
    """
    observed, began = Observed(), time.monotonic()
    yield observed
    if run.is_dry_run:
        return
    template = run.spec.template_info.entity_ref if run.spec.template_info else ""
    STEP_COUNT.inc(template, one.name, observed.result)
    STEP_DURATION.observe(time.monotonic() - began, template, one.name, observed.result)
