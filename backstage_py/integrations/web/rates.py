"""How many requests a host gets: at once, and of its budget, of which background work leaves a share to people.

Hosts say what is left of a budget in their answers (``X-RateLimit-*`` of GitHub, Gitea and Azure DevOps,
``RateLimit-*`` of GitLab), for each token, and GitHub for each kind of its API. That counts all replicas and everything
else that uses the token, so nothing has to be shared by us.
"""

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import urlsplit

from backstage_py.errors import ServiceUnavailableError

_IN_BACKGROUND: ContextVar[bool] = ContextVar("in_background", default=False)
_AT_ONCE = 6
_SHARE = 0.1
_PREFIXES = ("x-ratelimit-", "ratelimit-")
_MOST_BUDGETS = 1000
LONGEST_PERIOD = 3600.0
"""For how many seconds a host is not asked, whatever it says: some say milliseconds, and none is given up for ever."""
_A_DATE = 1_000_000_000  # what is larger is a moment, what is smaller are seconds from now


class SlowDownError(ServiceUnavailableError):
    """A host is not asked now, so that its limits hold; nothing was sent. ``wait`` is for how many seconds."""

    is_refusal = True

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(slots=True)
class Budget:
    """What a host lets one token ask for, of one kind.

    Attributes:
        limit: requests in a period, 0 while that is not known.
        remaining: of them.
        reset: when it is full again, in seconds since 1970.
        requests: that were sent by this process; ``unchanged`` of them were answered with 304.
    """

    host: str
    kind: str
    limit: int = 0
    remaining: int = 0
    reset: float = 0.0
    requests: int = 0
    unchanged: int = 0


@contextmanager
def background() -> Iterator[None]:
    """Let all that is asked within the block, and by tasks that are started there, leave a share to others."""
    token = _IN_BACKGROUND.set(True)
    try:
        yield
    finally:
        _IN_BACKGROUND.reset(token)


class Rates:
    """The budgets of one process.

    Args:
        at_once: requests of background work to one host at the same time.
        share: of a budget that background work leaves.
    """

    def __init__(self, at_once: int = _AT_ONCE, share: float = _SHARE) -> None:
        self._share = share
        self._budgets: dict[tuple[str, str, str], Budget] = {}
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(at_once))

    @asynccontextmanager
    async def turn(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Budget]:
        """Wait for a turn to send a request, and return the budget that it is taken from.

        Raises:
            SlowDownError: it is background work, and what is left is for others.
        """
        budget = self._of(url, headers)
        if not _IN_BACKGROUND.get():
            yield budget
            return
        async with self._turns[budget.host]:
            self._refuse_last_share(budget)
            yield budget

    def _refuse_last_share(self, budget: Budget) -> None:
        wait = budget.reset - time.time()
        if budget.limit and wait > 0 and budget.remaining <= budget.limit * self._share:
            raise SlowDownError(
                f"{budget.host} limits the rate of requests: {budget.remaining} of {budget.limit} are left, which are "
                f"kept for people; it is asked again in {wait:.0f} s",
                wait,
            )

    def all(self) -> list[Budget]:
        """Return the budgets that were used."""
        return list(self._budgets.values())

    def _of(self, url: str, headers: Mapping[str, str]) -> Budget:
        parts = urlsplit(url)
        last = parts.path.rstrip("/").rpartition("/")[2]
        kind = "graphql" if last == "graphql" else "search" if "/search/" in parts.path else "core"
        token = next(
            (value for name, value in headers.items() if name.lower() in {"authorization", "private-token"}), ""
        )
        key = (parts.netloc, kind, hashlib.sha256(token.encode()).hexdigest()[:16])
        found = self._budgets.get(key)
        if found is None:
            if len(self._budgets) >= _MOST_BUDGETS:  # tokens of users come and go
                self._budgets.pop(next(iter(self._budgets)))
            found = self._budgets[key] = Budget(parts.netloc, kind)
        return found


def note(budget: Budget, status: int, headers: Mapping[str, str]) -> None:
    """Record what an answer says about a budget."""
    budget.requests += 1
    budget.unchanged += status == 304  # noqa: PLR2004  # not modified
    for prefix in _PREFIXES:
        limit, remaining, reset = (headers.get(f"{prefix}{name}", "") for name in ("limit", "remaining", "reset"))
        if limit.isdecimal() and remaining.isdecimal() and reset.isdecimal():
            budget.limit, budget.remaining = int(limit), int(remaining)
            wait = int(reset) - time.time() if int(reset) >= _A_DATE else int(reset)
            budget.reset = time.time() + min(wait, LONGEST_PERIOD)
            return
