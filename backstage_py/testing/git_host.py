"""A git host on loopback in the place of github.com: real repositories, GitHub's API, pushes and clones."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py.model.scm import ScmIntegration

if TYPE_CHECKING:
    from backstage_py.sandbox.server import Sandbox

_START_SECONDS = 30.0


@contextmanager
def git_host(folder: Path) -> "Iterator[Sandbox]":
    """Serve the repositories below ``folder`` from a thread until the block is left.

    The host is GitHub as far as the built-in actions and git see it; ``integrations_of(host)`` makes it answer for
    ``github.com`` in ``ActionRunner(integrations=…)``, and the fixture ``fake_git_host`` does both.

    Raises:
        RuntimeError: it did not start within 30 seconds.
        MissingExtraError: the extra ``serve`` is not installed.
    """
    from backstage_py.sandbox.server import serve_sandbox

    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop = asyncio.Event()
    running: list[Sandbox] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        async with serve_sandbox(folder, open_clones=True) as sandbox:
            running.append(sandbox)
            ready.set()
            await stop.wait()

    def work() -> None:
        try:
            loop.run_until_complete(serve())
        except Exception as error:  # noqa: BLE001  # raised where the host is waited for
            failures.append(error)
        finally:
            ready.set()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=work, name="git-host", daemon=True)
    thread.start()
    ready.wait(_START_SECONDS)
    if not running:
        raise RuntimeError("The git host did not start") from (failures[0] if failures else None)
    try:
        yield running[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_START_SECONDS)


def integrations_of(host: "Sandbox") -> list[ScmIntegration]:
    """Return the host as the integration that answers for github.com."""
    return list(host.hosts)
