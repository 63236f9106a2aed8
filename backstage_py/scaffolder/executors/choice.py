"""Which executor runs an action: as ``scaffolder.executor`` says, by action, template, and what the catalog recorded.

Our own actions run on the service's loop unless a rule names them by ``action``. Those of others run where the rules or
the default say; what only this process has, as a function that a test made an action of, runs here in any case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from backstage_py.errors import NotAllowedError
from backstage_py.plugin import Action
from backstage_py.plugin.services import CatalogClient
from backstage_py.scaffolder.executors.executor import Executor
from backstage_py.scaffolder.executors.in_thread import ThreadExecutor
from backstage_py.scaffolder.executors.inline import InlineExecutor
from backstage_py.settings.sections import ExecutorRule, ExecutorSettings

INLINE, PROCESS, KUBERNETES = "inline", "process", "kubernetes"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run is of.

    Attributes:
        template_ref: its template; None for an action that is called by itself.
        claim: the number of the attempt; None for what is no task, such as a dry run, and has no pods.
    """

    task_id: str
    template_ref: str | None = None
    user_ref: str | None = None
    claim: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the catalog recorded of a template."""

    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Kind(Protocol):
    """Executors of one kind."""

    def of_run(self, facts: RunFacts, /, *, each_step: bool) -> Executor:
        """Return the one of a run."""


@dataclass(frozen=True, slots=True)
class Executors:
    """All that run actions for this process.

    Attributes:
        elsewhere: by what ``use`` and ``default`` call them; without them all actions run in this process.
        can_leave: says whether other processes find an action by its id.
        catalog: says who owns a template and what its tags are.
    """

    settings: ExecutorSettings = field(default_factory=ExecutorSettings)
    elsewhere: Mapping[str, Kind] = field(default_factory=dict)
    can_leave: Callable[[Action], bool] = lambda _: False
    catalog: CatalogClient | None = field(default=None, repr=False)

    def of_run(self, facts: RunFacts) -> "RunExecutors":
        """Return those of one run; they are to be closed."""
        return RunExecutors(self, facts)


class RunExecutors:
    """The executors of one run, made when they are needed."""

    def __init__(self, all_: Executors, facts: RunFacts) -> None:
        self._all = all_
        self._facts = facts
        self._recorded: Recorded | None = None
        self._made: dict[tuple[str, bool], Executor] = {}

    async def of(self, action: Action) -> Executor:
        """Return what runs an action.

        Raises:
            NotAllowedError: it runs in pods alone, and this is no task.
            BackstageError: nobody can say whose template it is.
        """
        use, each_step = await self._choose(action)
        if use == KUBERNETES and self._facts.claim is None:
            raise NotAllowedError(
                f"Action {action.id} runs in pods of a cluster (scaffolder.executor), which only tasks have; "
                "run it as a step of a task"
            )
        kind = self._all.elsewhere.get(use)
        if kind is None:
            return _INLINE if action.is_on_service_loop else _THREAD
        if (use, each_step) not in self._made:
            self._made[use, each_step] = kind.of_run(self._facts, each_step=each_step)
        return self._made[use, each_step]

    async def needs_a_task(self, action: Action) -> bool:
        """Say whether an action runs in pods alone while this is no task; then it is not run at all.

        Raises:
            BackstageError: nobody can say whose template it is.
        """
        return self._facts.claim is None and (await self._choose(action))[0] == KUBERNETES

    async def close(self) -> None:
        """End what they have: the run is over."""
        made, self._made = self._made, {}
        for one in made.values():
            await one.close()

    async def _choose(self, action: Action) -> tuple[str, bool]:
        if not self._all.elsewhere or not self._all.can_leave(action):
            return INLINE, False
        for rule in self._all.settings.rules:
            if fits(rule, action, self._facts.template_ref) and await self._is_recorded(rule):
                return rule.use, rule.scope == "step"
        return INLINE if action.is_trusted_on_loop else self._all.settings.default, False

    async def _is_recorded(self, rule: ExecutorRule) -> bool:
        if rule.match.owner is None and rule.match.tag is None:
            return True
        if self._recorded is None:
            self._recorded = await recorded(self._all.catalog, self._facts.template_ref)
        return fits_recorded(rule, self._recorded)


def fits(rule: ExecutorRule, action: Action, template_ref: str | None) -> bool:
    """Say whether a rule is about an action and a template, as far as these alone tell."""
    match = rule.match
    is_named = not action.is_trusted_on_loop if match.action is None else fnmatchcase(action.id, match.action)
    return is_named and (match.template is None or matches(match.template, template_ref))


def fits_recorded(rule: ExecutorRule, found: Recorded) -> bool:
    """Say whether a rule is about a template of which the catalog recorded this."""
    match = rule.match
    owner = match.owner is None or any(matches(match.owner, one) for one in found.owners)
    return owner and (match.tag is None or any(matches(match.tag, one) for one in found.tags))


async def recorded(catalog: CatalogClient | None, template_ref: str | None) -> Recorded:
    """Return what the catalog recorded of a template; nothing of one that it does not have."""
    if catalog is None or template_ref is None:
        return Recorded()
    [entity] = await catalog.entities_by_refs([template_ref], token=None)
    if entity is None:
        return Recorded()
    owners = [one.get("targetRef") for one in entity.get("relations") or [] if one.get("type") == "ownedBy"]
    return Recorded(tuple(map(str, owners)), tuple(map(str, entity["metadata"].get("tags") or [])))


def matches(pattern: str, value: str | None) -> bool:
    """Say whether a glob fits a reference or a tag; they are compared without regard to case."""
    return value is not None and fnmatchcase(value.lower(), pattern.lower())


_INLINE: Executor = InlineExecutor()
_THREAD: Executor = ThreadExecutor()
LOCAL = Executors()
"""All in this process: for authors' commands and tests, whose actions may be functions of a moment."""
