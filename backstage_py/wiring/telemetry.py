"""Whether a process exports traces."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from backstage_py import extras
from backstage_py.tracing import exporting


@contextmanager
def running(env: Mapping[str, str]) -> Iterator[None]:
    """Export traces until the block is left, if the environment asks for it.

    Raises:
        MissingExtraError: it does, and the extra is not installed.
        SettingsError: it asks for something else than there is.
    """
    if not exporting.is_wanted(env):
        yield
        return
    extras.require("Tracing, which OTEL_ variables ask for,", "telemetry")
    with exporting.running(env):
        yield
