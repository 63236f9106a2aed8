"""Waiting until a composite is ready with all that it is made of, its tree told as it changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backstage_py.integrations.crossplane import tree
from backstage_py.integrations.crossplane.tree import Node
from backstage_py.integrations.kubernetes import readiness, waiting
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.readiness import Verdict, done, failed, pending
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model.json import JsonObject

Tell = Callable[[str], None]
LOOKS = 3
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a composite is waited for.

    Attributes:
        seconds: at most.
        looks: how often in a row, about a second apart, it has to be ready.
        error_seconds: how long an error may last that may go away by itself. Others, such as a denied access or an
            exceeded quota, end the wait at once.
    """

    seconds: float
    looks: int = LOOKS
    error_seconds: float = PATIENCE


async def until_ready(api: Api, ref: Ref, patience: Patience, *, tell: Tell) -> JsonObject | None:
    """Wait until a composite or claim is ready, and return it.

    Ready is one whose conditions Synced and Ready are True for its present generation, in each of several looks, while
    no part of it has failed or is not ready. Cancel the awaiting task to break it off.

    Raises:
        FailedError: it will not become ready; the message names the part that has failed, the deepest of several.
        WaitedInVainError: it took longer; the message says how it stood. BackstageError: it may not be read.
    """
    judge = _Judge(api, patience, tell)
    return await waiting.until(api, ref, judge.verdict, tell=tell, seconds=patience.seconds, looks=patience.looks)


@dataclass(slots=True)
class _Judge:
    api: Api
    patience: Patience
    tell: Tell
    _told: list[str] = field(default_factory=list)
    _failing: tuple[Ref, str] | None = None
    _since: float = 0.0
    _was_ready: bool = False
    _flaps: int = 0

    async def verdict(self, value: JsonObject | None) -> Verdict:
        if value is None:
            return pending("not there")
        root = await tree.read(self.api, value)
        if root.parts and root.lines() != self._told:
            self._told = root.lines()
            for line in self._told:
                self.tell(line)
        wrong = root.deepest_error()
        if wrong is not None:
            return self._of_error(root, wrong)
        self._failing = None
        return self._counted(verdict(value, root))

    def _of_error(self, root: Node, wrong: Node) -> Verdict:
        """Say what fails; for good when it is that kind of error or has been so for long."""
        self._was_ready = False
        if self._failing is None or self._failing[0] != wrong.ref:
            self._failing, self._since = (wrong.ref, wrong.error), time.monotonic()
        where = " > ".join(str(one.ref) for one in _path(root, wrong)[1:])
        text = f"{where} fails: {wrong.error}" if where else wrong.error
        if wrong.is_lasting:
            return failed(text)
        if time.monotonic() - self._since >= self.patience.error_seconds:
            return failed(f"{text}; it has been so for {self.patience.error_seconds:g} seconds")
        return pending(text)

    def _counted(self, found: Verdict) -> Verdict:
        if self._was_ready and not found.is_done:
            self._flaps += 1
            times = f" ({self._flaps} times by now)" if self._flaps > 1 else ""
            self.tell(f"It was ready and is not any more{times}; it has to stay so for {self.patience.looks} looks")
        self._was_ready = found.is_done
        return found


def verdict(value: JsonObject, root: Node) -> Verdict:
    """Return whether a composite or claim is ready with all its parts, at this moment, and what it waits for else."""
    for type_ in ("Synced", "Ready"):
        one = readiness.condition(value, type_)
        if one is None:
            return pending(_held_up(root, f"no condition {type_} yet"))
        if not readiness.is_observed(value, one):
            return pending("Crossplane has not seen it as it is now")
        if one.get("status") != "True":
            return pending(_held_up(root, readiness.described(one)))
    late = root.unready()
    if late is not None and late is not root:
        return pending(f"it says that it is ready, but {late.ref} is not: {late.text}")
    return done("Synced and Ready") if root.is_ready else pending(root.text)


def _held_up(root: Node, text: str) -> str:
    late = root.unready()
    return text if late is None or late is root else f"{text}; waits for {late.ref}: {late.text}"


def _path(root: Node, wanted: Node) -> list[Node]:
    """Return the parts from the root down to one."""
    if root is wanted:
        return [root]
    for one in root.parts:
        if below := _path(one, wanted):
            return [root, *below]
    return []
