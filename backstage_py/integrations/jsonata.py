"""JSONata, in a process of its own: an expression of a template is a program, which may loop and grow without end.

What the child process may use is in ``jsonata_job``. Here are the time it gets, and its errors.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.model import json
from backstage_py.model.json import Json

_SECONDS = 30.0
_LONGEST_MESSAGE = 4_000


async def evaluate(expression: str, data: Json, *, seconds: float = _SECONDS) -> Json:
    """Return what an expression gives; None when that is null or nothing.

    Raises:
        InputError: the expression is wrong, fails, gives no JSON, or needs more time or memory than it may have.
    """
    try:
        job = json.dumps({"expression": expression, "data": data, "seconds": seconds})
    except (TypeError, ValueError) as error:
        raise InputError(f"The data is no JSON, or nested too deeply: {error}") from error
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        _starter(),
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            result, said = await process.communicate(job)
    except BaseException as error:  # cancelled or out of time
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(error, TimeoutError):
            raise InputError(f"The expression did not end within {seconds:g} seconds") from error
        raise
    if process.returncode != 0:
        raise InputError(_words(said) or "The expression needs more memory than it may have")
    return json.parse(result)


def _words(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip()[-_LONGEST_MESSAGE:]


def _starter() -> str:
    """Return the program of the child: isolated mode knows no PYTHONPATH, so it is told where this package lies."""
    root = str(Path(__file__).parents[2])
    imports = f"import sys; sys.path.append({root!r}); from backstage_py.integrations import jsonata_job"
    return f"{imports}; jsonata_job.main()"
