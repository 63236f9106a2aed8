"""Reads what an entity points to: its placeholders, and for a Location its targets."""

import asyncio
import os
from collections.abc import Mapping, Sequence

from backstage_py.catalog.pipeline import core, processor_options
from backstage_py.catalog.pipeline.plugins import Plugins
from backstage_py.catalog.pipeline.run import Run
from backstage_py.catalog.sources.placeholders import PlaceholderError, Placeholders
from backstage_py.catalog.sources.reading import TargetContent, TargetReader
from backstage_py.errors import BackstageError
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.services import UrlReader


class UnchangedError(Exception):
    """Every target of a location says that it has not changed."""


class Reads:
    """Reads for one entity at a time.

    Args:
        url_reader: reads URLs, within what may be read, and resolves targets relative to their location.
        plugins: read the types that are not built in.
        allowed_types: types of locations that a location of another type may lead to.
        disabled: names of built-in processors that do not take part.
        file_roots: folders within which placeholders in files of this machine may lead.
    """

    def __init__(
        self,
        url_reader: UrlReader,
        plugins: Plugins,
        *,
        allowed_types: Sequence[str],
        disabled: frozenset[str],
        file_roots: Sequence[str] = (),
    ) -> None:
        self._urls = url_reader
        self._targets = TargetReader(url_reader)
        has_placeholders = processor_options.PLACEHOLDERS not in disabled
        self._placeholders = Placeholders(url_reader, file_roots) if has_placeholders else None
        self._plugins = plugins
        self._allowed_types = tuple(allowed_types)
        self._readable = {type_ for type_, name in processor_options.READERS.items() if name not in disabled}

    async def placeholders(self, entity: JsonObject, run: Run) -> JsonObject:
        """Return the entity with its placeholders replaced.

        Raises:
            FaultError: one cannot be.
        """
        if self._placeholders is None:
            return entity
        try:
            return await self._placeholders.resolve(entity, run.subject.location, run.collector)
        except PlaceholderError as error:
            raise core.threw("PlaceholderProcessor", "preprocessing", error) from error

    async def location(self, entity: JsonObject, run: Run) -> None:
        """Collect what the targets of a Location have.

        Raises:
            UnchangedError: nothing has changed, in a conditional run. FaultError: a plugin cannot read a target.
        """
        spec, base = entity["spec"], run.subject.location
        type_ = spec.get("type") or base.type
        optional = spec.get("presence") == "optional"
        if type_ != base.type and type_ not in self._allowed_types:
            listed = ",".join(f'"{one}"' for one in self._allowed_types)
            run.collector.error(f"Registered locations must be of an allowed type [{listed}]", name="InputError")
            return
        locations = []
        for target in [*([spec["target"]] if spec.get("target") else []), *(spec.get("targets") or [])]:
            if type_ == "file" and target.endswith(os.sep):
                run.collector.error(
                    f"LocationEntityProcessor cannot handle {type_} type location with target "
                    f"{base.target} that ends with a path separator",
                    name="InputError",
                )
            else:
                locations.append(LocationRef(type_, self._absolute(base, type_, target)))
        if type_ in self._readable:
            await self._read(locations, run, optional=optional)
            return
        for location in locations:
            await self._plugins.read(location, run, optional=optional)

    async def _read(self, locations: Sequence[LocationRef], run: Run, *, optional: bool) -> None:
        contents = await self._gather(locations, run, run.etags if run.conditional else {}, optional=optional)
        if run.conditional and locations and all(content.unchanged for content in contents):
            raise UnchangedError
        missed = [location for location, content in zip(locations, contents, strict=True) if content.unchanged]
        again = dict(zip(missed, await self._gather(missed, run, {}, optional=optional), strict=True))
        for location, content in zip(locations, contents, strict=True):
            _take(location, again.get(location, content), run)

    async def _gather(
        self, locations: Sequence[LocationRef], run: Run, etags: Mapping[str, str], *, optional: bool
    ) -> list[TargetContent]:
        origin = str(run.subject.origin)
        return await asyncio.gather(
            *(
                self._targets.read(location, origin=origin, optional=optional, etag=etags.get(str(location)))
                for location in locations
            )
        )

    def _absolute(self, base: LocationRef, type_: str, target: str) -> str:
        if base.type != type_:
            return target
        if type_ == "file":
            return os.path.normpath(f"{os.path.dirname(base.target)}/{target}") if target.startswith(".") else target  # noqa: PTH120  # glob patterns are no paths
        if type_ != "url":
            return target
        try:
            return self._urls.resolve(target, base.target)
        except (BackstageError, ValueError):
            return target  # reading it says what is wrong


def _take(location: LocationRef, content: TargetContent, run: Run) -> None:
    if content.fault:
        run.collector.take(content.fault)
    for file in content.files:
        for one in file.documents:
            run.collector.take(one)
        run.collector.refresh_key(str(file.location))
    run.collector.refresh_key(str(location))
    if content.etag:
        run.new_etags[str(location)] = content.etag
