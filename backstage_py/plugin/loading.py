"""All plugins of a process: actions, filters and globals, of installed packages and of a folder of files."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import structlog

from backstage_py import background, threads
from backstage_py.errors import ConflictError
from backstage_py.model.json import Json
from backstage_py.plugin.folder import ActionFolder, FileProblem, Reload, extensions_of
from backstage_py.plugin.registry import ActionRegistry, load_actions, load_group
from backstage_py.plugin.templating import Extension, TemplateFilter, TemplateFunction, TemplateValue

T = TypeVar("T")
TEMPLATING_GROUP = "backstage_py.templating"
_RELOADING = threads.Lane(1)  # it imports an author's modules, which may take any time
_LOOK_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Current(Mapping[str, T]):
    """A mapping that is handed out once and shows what there is at the moment; it changes as a whole."""

    def __init__(self) -> None:
        self._items: Mapping[str, T] = {}

    def show(self, items: Mapping[str, T]) -> None:
        """Show these from now on."""
        self._items = items

    def __getitem__(self, name: str) -> T:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


@dataclass(slots=True)
class Plugins:
    """What was found.

    Attributes:
        actions: the same registry after a reload.
        filters: for ``Services``; the same object after a reload, as of the two below.
        globals: a value is JSON or a ``TemplateFunction``.
        descriptions: of the global values.
        problems: files that could not be loaded, at the last look.
    """

    actions: ActionRegistry
    folder: ActionFolder | None = None
    installed: tuple[Extension, ...] = ()
    filters: "Current[TemplateFilter]" = field(default_factory=Current)
    globals: "Current[Json]" = field(default_factory=Current)
    descriptions: "Current[str]" = field(default_factory=Current)
    problems: tuple[FileProblem, ...] = ()

    def reload(self) -> tuple[str, ...]:
        """Look at the folder again and return the names of the files that changed; for ``dev``.

        Raises:
            ConflictError: a filter or global is defined twice now.
        """
        looked = self.folder.reload(self.actions) if self.folder else Reload()
        if looked.changed:
            self.problems = tuple(looked.problems)
            self.update_extensions()
        return tuple(looked.changed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Reload whenever a file changes, until the block is left. Running steps finish with what they began with."""
        async with background.running(self._watch()):
            yield

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                changed = await _RELOADING.run(self.reload)
            except ConflictError as error:
                _log.error("actions_conflict", problem=error.message)
                continue
            if changed:
                _log.info("actions_reloaded", files=list(changed), problems=[str(one) for one in self.problems])

    def update_extensions(self) -> None:
        """Sort filters and globals by what they are. Raises ConflictError as ``reload``."""
        found = _named((*self.installed, *(self.folder.extensions if self.folder else ())))
        values = [one for one in found if isinstance(one, TemplateValue)]
        functions = [one for one in found if isinstance(one, TemplateFunction)]
        self.filters.show({one.name: one for one in found if isinstance(one, TemplateFilter)})
        self.globals.show({one.name: one for one in functions} | {one.name: one.value for one in values})
        self.descriptions.show({one.name: one.description for one in values if one.description})


def load_plugins(folder: Path | None = None) -> Plugins:
    """Collect everything; ``folder`` is ``scaffolder.actionsFolder``.

    What cannot be imported is reported and does not stop the rest.

    Raises:
        ConflictError: an action, filter or global is defined twice; the message names both places.
    """
    installed = tuple(one for loaded in load_group(TEMPLATING_GROUP) for one in extensions_of(loaded))
    plugins = Plugins(load_actions(), ActionFolder(folder) if folder else None, installed)
    plugins.update_extensions()
    plugins.reload()
    for problem in plugins.problems:
        if problem.is_conflict:
            raise ConflictError(problem.message)
    return plugins


def _named(extensions: Iterable[Extension]) -> Sequence[Extension]:
    """Return each once; filters and globals have names of their own.

    Raises:
        ConflictError: two have the same name.
    """
    named: dict[tuple[bool, str], Extension] = {}
    for one in extensions:
        key = isinstance(one, TemplateFilter), one.name
        if (other := named.get(key)) and other is not one:
            kind = "Filter" if key[0] else "Global"
            raise ConflictError(
                f"{kind} '{one.name}' is defined twice, in {other.source} and {one.source}; rename or remove one"
            )
        named[key] = one
    return list(named.values())
