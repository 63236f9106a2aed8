"""The actions that are known, collected from entry points; nothing registers itself by being imported."""

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata

import structlog

from backstage_py.errors import ConflictError, NotFoundError
from backstage_py.plugin.action import Action

ENTRY_POINT_GROUP = "backstage_py.actions"

_HOW_TO_ADD = (
    "See https://backstage.io/docs/features/software-templates/builtin-actions/ on how to add a new action module."
)
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ActionRegistry:
    """Actions by id."""

    _actions: dict[str, Action] = field(default_factory=dict)
    _loaded: frozenset[str] = frozenset()

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
        gone, loaded = {action.id for action in old}, set(self._loaded)
        actions = {id_: action for id_, action in self._actions.items() if id_ not in gone}
        for action in new:
            if (other := actions.get(action.id)) and other is not action:
                places = f"{other.source} and {action.source}"
                raise ConflictError(f"Action '{action.id}' is defined twice, in {places}; rename or remove one")
            actions[action.id] = action
            gone.discard(action.id)
            if are_loaded:
                loaded.add(action.id)
        self._loaded = frozenset(loaded - gone)
        self._actions = actions

    def is_loaded(self, action: Action) -> bool:
        """Say whether another process that loads the same plugins finds this very action."""
        return action.id in self._loaded and self._actions.get(action.id) is action

    def get(self, id: str) -> Action:  # noqa: A002  # the word of every Backstage template
        """Return an action.

        Raises:
            NotFoundError: there is none, in Backstage's words.
        """
        try:
            return self._actions[id]
        except KeyError:
            raise NotFoundError(f"Template action with ID '{id}' is not registered. {_HOW_TO_ADD}") from None

    def __contains__(self, action_id: object) -> bool:
        return action_id in self._actions

    def __iter__(self) -> Iterator[Action]:
        return iter(sorted(self._actions.values(), key=lambda action: action.id))

    def __len__(self) -> int:
        return len(self._actions)


def load_actions() -> ActionRegistry:
    """Collect the actions of all installed packages that have an entry point in ``backstage_py.actions``.

    An entry point names a module or package; its public names that are actions count, and so does a tuple or list
    ``ACTIONS``. A package that fails to import is reported and does not stop the rest.
    """
    registry = ActionRegistry()
    for loaded in load_group(ENTRY_POINT_GROUP):
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
    if isinstance(loaded, types.ModuleType):
        named = getattr(loaded, "ACTIONS", None)
        if named is not None:
            return actions_of(named)
        return [value for name, value in vars(loaded).items() if isinstance(value, Action) and not name.startswith("_")]
    if isinstance(loaded, list | tuple):
        return [item for item in loaded if isinstance(item, Action)]
    return []
