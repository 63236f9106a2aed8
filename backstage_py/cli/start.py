"""How a service begins, before its modules are imported: nothing that it does not need, in time or in memory."""

import gc
from collections.abc import Sequence
from pathlib import Path

from backstage_py import extras


def serve(config: Sequence[Path], *, host: str | None, port: int | None, workers: int) -> int:
    """Run ``backstage-py serve`` and return the exit status."""
    extras.require("The command 'serve'", "serve")
    gc.disable()  # until the service has started: modules stay in memory, and scanning them costs time
    import_sparingly()
    from backstage_py.cli.commands import serve as command

    return command.run(config, host=host, port=port, workers=workers)


def import_sparingly() -> None:
    """Import what would bring along megabytes that no service needs: coloured tracebacks, greenlets, watched files."""
    with extras.without("greenlet", "rich", "watchfiles"):
        import structlog.dev  # noqa: F401  # for good
        import uvicorn  # noqa: F401  # as above
