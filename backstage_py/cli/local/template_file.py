"""A template on this machine: its file, and what it says."""

from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.lint import files
from backstage_py.model import template, yaml
from backstage_py.model.json import JsonObject
from backstage_py.model.template import Template

_NAMES = ("template.yaml", "template.yml")


@dataclass(frozen=True, slots=True)
class LocalTemplate:
    """A template and the file it stands in."""

    path: Path
    entity: JsonObject
    template: Template

    @property
    def folder(self) -> Path:
        """Where its relative URLs start."""
        return self.path.absolute().parent

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str(self.template.metadata["name"])


def load(path: Path) -> LocalTemplate:
    """Read a template: the file, or ``template.yaml`` in the folder; the first template of several documents.

    Raises:
        InputError: there is none, or it is no valid template; the message names file and place.
    """
    file = _file_of(path)
    found = files.read_text(file, str(file))
    if found.unreadable:
        raise InputError(f"Cannot read {file}: {found.unreadable}")
    documents = yaml.load_all(found.text, filename=str(file))
    for document in documents:
        if (error := document.error()) is not None:
            raise InputError(str(error))
        value = document.value
        if isinstance(value, dict) and value.get("kind") == "Template":
            if problems := template.problems(value):
                raise InputError(f"{file} is no valid template: {problems[0]}; see backstage-py validate {file}")
            return LocalTemplate(file, value, template.parse(value))
    raise InputError(f"{file} holds no template (kind: Template)")


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in _NAMES:
        if (path / name).is_file():
            return path / name
    raise InputError(f"There is no template.yaml in {path}; give the file, or the folder that holds it")
