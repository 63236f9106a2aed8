"""A template on this machine: its file, and what it says, with what other files say in the place of placeholders."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.cli.local import project
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import InputError
from backstage_py.lint import files, placeholders
from backstage_py.model import template, yaml
from backstage_py.model.json import JsonObject
from backstage_py.model.template import Template

_NAMES = ("template.yaml", "template.yml", "Template.yaml", "Template.yml")


@dataclass(frozen=True, slots=True)
class LocalTemplate:
    """A template and the file it stands in.

    Attributes:
        path: as it was given.
        document: the file's text, for places in it.
    """

    path: Path
    entity: JsonObject
    template: Template
    document: yaml.Document = field(repr=False)

    @property
    def folder(self) -> Path:
        """Where its relative URLs start."""
        return self.path.absolute().parent

    @property
    def root(self) -> Path:
        """Where its relative URLs may lead at most."""
        return project.root_of(self.folder)

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str(self.template.metadata["name"])

    def place(self, where: Sequence[str | int], *, on_key: bool = False) -> str:
        """Return where a value of the entity stands, as ``template.yaml:12:5``; the nearest one above, if need be."""
        position = self.document.key_position(where) if on_key else self.document.position(where)
        return f"{self.path}:{position.line}:{position.column}"

    def line(self, where: Sequence[str | int]) -> str:
        """Return the line of the file in which a value begins."""
        number = self.document.key_position(where).line
        lines = self.document.source.text.splitlines()
        return lines[number - 1].strip() if number <= len(lines) else ""


def loaded(path: Path, config: Sequence[Path] = (), trust: Trust | None = None) -> LocalTemplate:
    """Read a template where no event loop runs; see ``load``."""
    return asyncio.run(load(path, config, trust))


async def load(path: Path, config: Sequence[Path] = (), trust: Trust | None = None) -> LocalTemplate:
    """Read a template: the file, or ``template.yaml`` in the folder; the first template of several documents.

    Args:
        path: the file or folder.
        config: app-config files, for placeholders that name URLs.
        trust: what files of the project may do.

    Raises:
        InputError: there is none, it is no valid template, or a placeholder in it cannot be replaced; the message
            names file and place.
        SettingsError: an app-config is wrong.
    """
    file = _file_of(path)
    found = files.read_text(file, str(file))
    if found.unreadable:
        raise InputError(f"Cannot read {file}: {found.unreadable}")
    for document in yaml.load_all(found.text, filename=str(file)):
        if (error := document.error()) is not None:
            raise InputError(str(error))
        value = document.value
        if isinstance(value, dict) and value.get("kind") == "Template":
            return await _template(file, document, config, trust)
    raise InputError(f"{file} holds no template (kind: Template)")


async def _template(file: Path, document: yaml.Document, config: Sequence[Path], trust: Trust | None) -> LocalTemplate:
    entity: JsonObject = document.value
    if placeholders.within(entity):
        entity = await _resolved(entity, file, config, trust or trusting.of_environment())
    if problems := template.problems(entity):
        raise InputError(f"{file} is no valid template: {problems[0]}; see backstage-py validate {file}")
    return LocalTemplate(file, entity, template.parse(entity), document)


async def _resolved(entity: JsonObject, file: Path, config: Sequence[Path], trust: Trust) -> JsonObject:
    """Return the entity as the catalog would have it, with other files' content in the place of placeholders."""
    from backstage_py.catalog.sources.placeholders import PlaceholderError, Placeholders
    from backstage_py.cli.local import app_configs
    from backstage_py.model.location_ref import LocationRef
    from backstage_py.plugin.services import required
    from backstage_py.wiring.services import services

    settings = app_configs.load(config, trust)
    whole = file.absolute()  # noqa: ASYNC240  # asks the system for one folder
    async with services(settings) as found:
        reader = required(found.url_reader, "URL reader")
        resolving = Placeholders(reader, [project.root_of(file)])
        try:
            return await resolving.resolve(entity, LocationRef("file", str(whole)), _Nobody())
        except PlaceholderError as error:
            raise InputError(f"{file}: {error}") from error


class _Nobody:
    """Is not told which files an entity depends on: nothing watches them."""

    def refresh_key(self, key: str) -> None:
        """Do nothing."""


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in _NAMES:
        if (path / name).is_file():
            return path / name
    raise InputError(f"There is no template.yaml in {path}; give the file, or the folder that holds it")
