"""A job in a Python process of its own, for work on untrusted input that may loop, grow or change its process.

The child starts in isolated mode with an environment of nothing but what it is given, in a session of its own; when its
time is over, or nobody waits any more, it and all it has started are killed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backstage_py.model import json
from backstage_py.model.json import Json

_LONGEST_MESSAGE = 4_000
_PACKAGE = "backstage_py.integrations.children"


class ChildJobError(Exception):
    """The child ended with an error; its words on standard error, maybe empty, are the message."""


async def run(
    module: str, job: Json, *, seconds: float, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> bytes:
    """Run ``main()`` of a module of this package with ``job`` as JSON on its standard input; return what it writes.

    Args:
        module: a name below ``backstage_py.integrations``.
        job: any JSON.
        seconds: how long it may take.
        cwd: the child's working directory; None for that of this process.
        environment: what the child has besides ``PATH`` and the locale.

    Raises:
        ChildJobError: it ended with an error.
        TimeoutError: it did not end within ``seconds``.
        TypeError, ValueError: the job is no JSON.
    """
    text = json.dumps(job)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        _starter(module),
        cwd=cwd,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", **(environment or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            result, said = await process.communicate(text)
    except BaseException:  # cancelled or out of time
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode != 0:
        raise ChildJobError(said.decode("utf-8", "replace").strip()[-_LONGEST_MESSAGE:])
    return result


def _starter(module: str) -> str:
    """Return the program of the child: isolated mode knows no PYTHONPATH, so it is told where this package lies."""
    root = str(Path(__file__).parents[3])
    return f"import sys; sys.path.append({root!r}); from {_PACKAGE} import {module}; {module}.main()"
