"""How hard tests try that can try without end, and where their generated cases come from.

A plain run takes some minutes, CI asks for more: ``BACKSTAGE_PY_EXAMPLES`` is the number of generated cases of each
such test. Cases are the same in every run, so that a merge is never refused for what it did not touch. New ones are
looked for by hand: pytest's ``--hypothesis-seed`` with a number, or ``random``, draws others each time.
Tests marked ``thorough`` run in such a run alone, or when they are named: they take long, and something cheaper in the
same room fails for most of what they would find. ``thorough(sample=3)`` leaves three of a test's many parameters to a
plain run. ``BACKSTAGE_PY_CHAOS_SECONDS`` is for how long replicas are under faults (``./dev chaos`` draws other ones
each time).
"""

import os
from collections.abc import Sequence
from itertools import groupby

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

EXAMPLES = int(os.environ.get("BACKSTAGE_PY_EXAMPLES", "25"))
WHOLE = max(min(EXAMPLES, 200), EXAMPLES // 5)
"""As many where each case asks a whole service: a thousand take minutes of processor time, and are tried in a proof."""
IS_THOROUGH = EXAMPLES >= 1000
CHAOS_SECONDS = float(os.environ.get("BACKSTAGE_PY_CHAOS_SECONDS", "20"))


def left_for_later(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return those that a plain run leaves out: marked ``thorough``, or with pods on a real cluster."""
    later: list[pytest.Item] = []
    for _, group in groupby(items, key=lambda item: item.nodeid.split("[", 1)[0]):
        cases = list(group)
        if marker := cases[0].get_closest_marker("thorough"):
            kept = _spread(len(cases), marker.kwargs.get("sample", 0))
            later += [case for at, case in enumerate(cases) if at not in kept]
        elif "kube" in getattr(cases[0], "fixturenames", ()):
            later += cases
    return later


def _spread(count: int, wanted: int) -> set[int]:
    """Return so many places of ``count``, evenly spread."""
    return {at * count // wanted for at in range(wanted)} if wanted else set()


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
