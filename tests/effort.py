"""How hard tests try that can try without end, and where their generated cases come from.

A plain run takes some minutes, CI asks for more: ``BACKSTAGE_PY_EXAMPLES`` is the number of generated cases of each
such test. Cases are the same in every run, so that a merge is never refused for what it did not touch. New ones are
looked for by hand: pytest's ``--hypothesis-seed`` with a number, or ``random``, draws others each time.
``BACKSTAGE_PY_CHAOS_SECONDS`` is for how long replicas are under faults (``./dev chaos`` draws other ones each time).
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

EXAMPLES = int(os.environ.get("BACKSTAGE_PY_EXAMPLES", "25"))
IS_THOROUGH = EXAMPLES >= 1000
CHAOS_SECONDS = float(os.environ.get("BACKSTAGE_PY_CHAOS_SECONDS", "20"))


def draw(seed: str | None) -> None:
    """Choose the cases of this run: other ones for each seed, always the same without.

    The same means no database of earlier failures, no bound of time (a machine under load is slow), a seed made of
    the test's own source, and no numbers or texts out of our modules: Hypothesis would pick from whichever ones
    happen to be imported, which differs from worker to worker and with each change of the code.
    """
    settings.register_profile(
        "backstage_py",
        derandomize=seed is None,
        database=None,
        deadline=None,
        max_examples=EXAMPLES,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("backstage_py")
    if seed is None:
        providers._get_local_constants = lambda: providers._local_constants  # no setting does it
