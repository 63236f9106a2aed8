"""A job in a Python process of its own, for work on untrusted input that may loop, grow or change its process."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from backstage_py.integrations.children import child
from backstage_py.integrations.children.limits import Limits
from backstage_py.model import excerpt, json
from backstage_py.model.json import Json

_LONGEST_MESSAGE = 4_000


class ChildJobError(Exception):
    """The job ended with an error; its own words, maybe none, are the message."""


class ChildLimitError(ChildJobError):
    """The job reached a limit, which the message names: "needs more than …"."""


async def run(
    module: str,
    job: Json,
    *,
    seconds: float,
    limits: Limits,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run ``main()`` of a module of this package with ``job`` as JSON on its standard input; return what it writes.

    Args:
        module: a name in this package.
        job: any JSON.
        seconds: how long it may take.
        limits: what it may use.
        cwd: the child's working directory; None for that of this process.
        environment: what the child has besides ``PATH`` and the locale.

    Raises:
        ChildJobError, ChildLimitError: it ended with an error.
        TimeoutError: it did not end within ``seconds``.
        TypeError, ValueError: the job is no JSON.
    """
    text = json.dumps(job)
    try:
        async with asyncio.timeout(seconds):
            ended = await child.run(
                child.job(module),
                limits=limits,
                environment=child.least_environment() | dict(environment or {}),
                cwd=cwd,
                given=text,
            )
    except child.OutputError as error:
        raise ChildLimitError(str(error)) from error
    if ended.status != 0:
        if reached := limits.reached(ended.status, ended.said):
            raise ChildLimitError(reached)
        raise ChildJobError(excerpt.ending(ended.said, _LONGEST_MESSAGE))
    return ended.output
