"""The actions that are known, collected from entry points; nothing registers itself by being imported."""

import importlib
import threading
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata

import structlog

from backstage_py import threads
from backstage_py.errors import ConflictError, NotFoundError
from backstage_py.plugin.action import Action

ENTRY_POINT_GROUP = "backstage_py.actions"

_HOW_TO_ADD = (
    "See https://backstage.io/docs/features/software-templates/builtin-actions/ on how to add a new action module."
)
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ActionRegistry:
    """Actions by id.

    Those of a module that announces them are imported when the first of them is asked for, or all are gone through.
    """

    _actions: dict[str, Action] = field(default_factory=dict)
    _loaded: frozenset[str] = frozenset()
    _announced: dict[str, str] = field(default_factory=dict)
    _changing: threading.RLock = field(default_factory=threading.RLock)

    def add(self, action: Action, *, is_loaded: bool = False) -> None:
        """Add an action.

        Raises:
            ConflictError: the id is taken; the message names both sources.
        """
        self.replace((), (action,), are_loaded=is_loaded)

    def replace(self, old: Iterable[Action], new: Iterable[Action], *, are_loaded: bool = False) -> None:
        """Take actions out and others in, in one go: a step sees the ones or the others.

        Args:
            old: what is there.
            new: what comes.
            are_loaded: another process that loads the same plugins finds what comes.

        Raises:
            ConflictError: an id is taken; the message names both sources, and nothing has changed.
        """
        with self._changing:
            old, new = tuple(old), tuple(new)
            for action in new:
                self._import(action.id)
            gone = {action.id for action in old}
            self._actions = _with({id_: action for id_, action in self._actions.items() if id_ not in gone}, new)
            ids = {action.id for action in new}
            self._loaded = (self._loaded - (gone - ids)) | (ids if are_loaded else set())

    def announce(self, families: Mapping[str, Iterable[str]]) -> None:
        """Take the ids of actions by the modules that are imported for them, and by any process with these plugins.

        Raises:
            ConflictError: an id is taken; the message names both sources.
        """
        with self._changing:
            for module, ids in families.items():
                self._announced |= dict.fromkeys(ids, module)
            for id_ in self._announced.keys() & self._actions.keys():
                self._import(id_)

    async def complete(self) -> None:
        """Import what is announced and was not asked for yet in a thread; before all are gone through on a loop."""
        if self._announced:
            await threads.file_work(self._import_rest)

    def _import_rest(self) -> None:
        for id_ in list(self._announced):
            self._import(id_)

    def _import(self, id_: str) -> None:
        """Put the actions of the module that announces one in, if they are not yet."""
        if id_ not in self._announced:
            return
        with self._changing:
            module = self._announced.get(id_)
            if module is None:
                return
            found = tuple(actions_of(importlib.import_module(module)))
            waiting = {one for one, of in self._announced.items() if of == module}
            if (named := {action.id for action in found}) != waiting:
                raise ValueError(f"{module} announces other actions than it has: {sorted(named ^ waiting)}")
            self._actions = _with(self._actions, found)  # before they are announced no more: others read without a lock
            self._loaded |= named
            self._announced = {one: of for one, of in self._announced.items() if of != module}

    def is_loaded(self, action: Action) -> bool:
        """Say whether another process that loads the same plugins finds this very action."""
        return action.id in self._loaded and self._actions.get(action.id) is action

    def get(self, id: str) -> Action:  # noqa: A002  # the word of every Backstage template
        """Return an action.

        Raises:
            NotFoundError: there is none, in Backstage's words.
        """
        self._import(id)
        try:
            return self._actions[id]
        except KeyError:
            raise NotFoundError(f"Template action with ID '{id}' is not registered. {_HOW_TO_ADD}") from None

    def __contains__(self, action_id: object) -> bool:
        return action_id in self._actions or action_id in self._announced

    def __iter__(self) -> Iterator[Action]:
        self._import_rest()
        return iter(sorted(self._actions.values(), key=lambda action: action.id))

    def __len__(self) -> int:
        return len(self._actions) + len(self._announced)


def _with(actions: Mapping[str, Action], new: Iterable[Action]) -> dict[str, Action]:
    together = dict(actions)
    for action in new:
        if (other := together.get(action.id)) and other is not action:
            places = f"{other.source} and {action.source}"
            raise ConflictError(f"Action '{action.id}' is defined twice, in {places}; rename or remove one")
        together[action.id] = action
    return together


def load_actions() -> ActionRegistry:
    """Collect the actions of all installed packages that have an entry point in ``backstage_py.actions``.

    An entry point names a module or package; its public names that are actions count, and so does a tuple or list
    ``ACTIONS``, and what the modules of a mapping ``FAMILIES`` have, whose values are their ids. A package that fails
    to import is reported and does not stop the rest.
    """
    registry = ActionRegistry()
    for loaded in load_group(ENTRY_POINT_GROUP):
        if families := _families(loaded):
            registry.announce(families)
            continue
        for found in actions_of(loaded):
            registry.add(found, is_loaded=True)
    return registry


def load_group(group: str) -> Iterator[object]:
    """Yield what the entry points of a group name; one that fails to import is reported and passed over."""
    for entry_point in metadata.entry_points(group=group):
        try:
            yield entry_point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # an import may fail in any way; the service starts without it
            _log.exception("plugin_import_failed", plugin=entry_point.name, value=entry_point.value, error=str(error))


def actions_of(loaded: object) -> Iterable[Action]:
    """Return the actions of a module, of a list or tuple, or a single action."""
    if isinstance(loaded, Action):
        return [loaded]
    if families := _families(loaded):
        return [found for module in families for found in actions_of(importlib.import_module(module))]
    if isinstance(loaded, types.ModuleType):
        named = getattr(loaded, "ACTIONS", None)
        if named is not None:
            return actions_of(named)
        return [value for name, value in vars(loaded).items() if isinstance(value, Action) and not name.startswith("_")]
    if isinstance(loaded, list | tuple):
        return [item for item in loaded if isinstance(item, Action)]
    return []


def _families(loaded: object) -> Mapping[str, Iterable[str]]:
    found = getattr(loaded, "FAMILIES", None) if isinstance(loaded, types.ModuleType) else None
    return found if isinstance(found, Mapping) else {}
