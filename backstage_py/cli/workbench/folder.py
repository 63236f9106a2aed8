"""The folder that is watched: its templates, with what is wrong with them, and their test cases."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backstage_py.cli.cases import fixtures as fixture_reading
from backstage_py.cli.cases import testcases
from backstage_py.cli.cases.testcases import Case
from backstage_py.cli.commands.validate import ValidateOptions, find
from backstage_py.cli.local import template_file
from backstage_py.cli.local.fixtures import Fixtures
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import BackstageError, InputError, NotFoundError
from backstage_py.lint import files
from backstage_py.lint.discovery import candidates
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.problem import Problem
from backstage_py.scaffolder.run.spec import steps_with_defaults

_PLACE = re.compile(r".+?:(\d+):(\d+): ")
_LINES_AROUND = 2
_LONGEST_LINE = 400
_MOST_PROBLEMS = 500


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of a ``dev`` command.

    Attributes:
        path: absolute.
        config: app-config files that were named.
    """

    path: Path
    config: Sequence[Path]
    trust: Trust

    def template(self, name: Json) -> Path:
        """Return the file of a template by its path below the folder.

        Raises:
            NotFoundError: the folder holds none of that name.
        """
        for file in self._templates():
            if self.name(file) == name:
                return file
        raise NotFoundError(f"There is no template {name} in {self.path.name}")

    def name(self, file: Path) -> str:
        """Return a path as the page shows it: below the folder, with slashes."""
        file = file.absolute()
        return file.relative_to(self.path).as_posix() if file.is_relative_to(self.path) else str(file)

    def without_path(self, message: str) -> str:
        """Return a message with files named by their path below the folder."""
        return message.replace(f"{self.path}/", "")

    def overview(self) -> JsonObject:
        """Return all templates with their findings; what belongs to none stands in ``others``."""
        problems = self._problems()
        names = [self.name(one) for one in self._templates()]
        cases, broken = self._cases()
        owned: dict[str, list[Problem]] = {name: [] for name in names}
        others = list(broken)
        for problem in problems:
            owner = _owner(problem, self.path, names)
            (owned[owner] if owner else others).append(problem)
        return {
            "folder": self.path.name,
            "templates": [
                self._summary(name, owned[name], sum(one.template.resolve() == self.path / name for one in cases))
                for name in names
            ],
            "others": self._shown(others),
        }

    def details(self, name: str) -> JsonObject:
        """Return what the page of a template needs. Of one that cannot be read it is ``error``."""
        file = self.template(name)
        try:
            local = template_file.loaded(file, self.config, self.trust)
        except InputError as error:
            return {"path": name, "error": self.without_path(error.message)}
        spec, metadata = local.template.spec, local.template.metadata
        steps = steps_with_defaults(local.template.steps)
        return {
            "path": name,
            "name": metadata["name"],
            "description": metadata.get("description"),
            "type": spec.get("type"),
            "owner": spec.get("owner"),
            "tags": metadata.get("tags") or [],
            "form": local.template.form,
            "steps": [{key: one[key] for key in ("id", "name", "action")} for one in steps],
            "cases": [self._case(one) for one in self.cases(file)],
        }

    def cases(self, template: Path) -> list[Case]:
        """Return the test cases of a template; files that cannot be read have none."""
        return [one for one in self._cases()[0] if one.template.resolve() == template.resolve()]

    def fixtures(self, template: Path) -> Fixtures:
        """Return what stands in for the world in all test cases of a template; it does in runs of the page, too."""
        found = Fixtures()
        for file in dict.fromkeys(one.file for one in self.cases(template)):
            with contextlib.suppress(InputError):
                found = fixture_reading.merged(found, testcases.shared(file))
        return found

    def _templates(self) -> list[Path]:
        return [one.path for one in candidates([self.path]) if one.template]

    def _summary(self, name: str, problems: Sequence[Problem], cases: int) -> JsonObject:
        summary: JsonObject = {"path": name, "title": name, "problems": self._shown(problems), "cases": cases}
        try:
            local = template_file.loaded(self.path / name, self.config, self.trust)
        except InputError:
            return summary
        metadata, spec = local.template.metadata, local.template.spec
        return summary | {
            "title": metadata.get("title") or metadata["name"],
            "description": metadata.get("description"),
            "type": spec.get("type"),
            "owner": spec.get("owner"),
            "tags": metadata.get("tags") or [],
        }

    def _problems(self) -> list[Problem]:
        try:
            found = find([self.path], ValidateOptions(trust=self.trust))
        except BackstageError as error:
            return [_as_problem(error.message, ".")]
        return found[:_MOST_PROBLEMS]

    def _cases(self) -> tuple[list[Case], list[Problem]]:
        cases, broken = [], []
        for file in testcases.find([self.path]):
            try:
                cases += testcases.load(file)
            except InputError as error:
                broken.append(_as_problem(error.message, str(file)))
        return cases, broken

    def _case(self, case: Case) -> JsonObject:
        return {"name": case.name, "file": self.name(case.file), "line": case.line, "values": case.values}

    def _shown(self, problems: Sequence[Problem]) -> list[JsonObject]:
        return [one.as_json() | {"file": self.name(Path(one.file)), "source": _excerpt(one)} for one in problems]


def _owner(problem: Problem, folder: Path, templates: Sequence[str]) -> str | None:
    """Return the template that a finding belongs to: its own file, or the nearest one above."""
    file = Path(problem.file)
    if file.is_relative_to(folder) and (name := file.relative_to(folder).as_posix()) in templates:
        return name
    above = [one for one in templates if file.is_relative_to((folder / one).parent)]
    return max(above, key=lambda one: one.count("/"), default=None)


def _as_problem(message: str, file: str) -> Problem:
    """Return the finding for what a reader says; its message begins with the place."""
    place = _PLACE.match(message)
    line, column = (int(place[1]), int(place[2])) if place else (1, 1)
    return Problem(file, line, column, "", "error", message[place.end() :] if place else message)


def _excerpt(problem: Problem) -> list[JsonObject]:
    """Return the lines around a finding."""
    found = files.read_text(Path(problem.file), problem.file)
    if found.unreadable:
        return []
    first = max(problem.line - 1 - _LINES_AROUND, 0)
    lines = found.text.splitlines()[first : problem.line + _LINES_AROUND]
    return [{"line": number, "text": text[:_LONGEST_LINE]} for number, text in enumerate(lines, first + 1)]
