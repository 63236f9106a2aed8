"""The repository that may be committed to: the one that is meant, or a fork of it."""

import asyncio

from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ForeignError, NotFoundError

_TRIES = 10
_BETWEEN = 1.0


async def writable(target: Repository, *, force: bool) -> Repository:
    """Return the target if its token may push, else the caller's fork, which is made when missing.

    Raises:
        ForeignError: a new fork does not appear. NotFoundError, NotAllowedError: GitHub refuses to fork.
    """
    found = await target.call("GET")
    may_push = (found.get("permissions") or {}).get("push", True)
    if may_push and not force:
        return target
    made = await target.call("POST", "/forks", {})
    fork = Repository(target.api, target.host, str(made["owner"]["login"]), str(made["name"]))
    for _ in range(_TRIES):
        try:
            await fork.call("GET")
        except NotFoundError:
            await asyncio.sleep(_BETWEEN)
        else:
            return fork
    raise ForeignError(f"The fork {fork.owner}/{fork.name} did not appear; try again in a moment")
