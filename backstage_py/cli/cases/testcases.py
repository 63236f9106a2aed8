r"""Test files of templates: ``*.test.yaml`` beside the template, parsed once into cases.

::

    template: template.yaml            # default: template.yaml beside the test file
    cases:
      - name: with a database
        values: {name: shop, team: payments, database: true}
        user: user:default/jane        # secrets: {token: x}; sandbox: true; defaults: false
        expect:
          files:
            README.md: "# shop\n"      # the whole text
            go.mod: {contains: [module shop], absent: [TODO]}
            "src/**": {matches: "^package "}
            run.sh: {executable: true, equals: expected/run.sh}
          absent: ["**/*.tmp"]
          output: {links: [{title: Repository, url: {matches: "/shop$"}}]}     # objects may have more than that
          steps: {publish: skipped}
          log: ["Creating"]
          error: "does not match pattern"            # the run fails, with this in its message
        golden: golden/with-database   # the whole tree; written by --update
        run: [go vet ./...]            # commands in the tree; each must exit 0
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.js import regex
from backstage_py.lint import files as reading
from backstage_py.lint.nearest import nearest
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject

SUFFIXES = (".test.yaml", ".test.yml")
_FILE_KEYS = ("template", "cases")
_CASE_KEYS = ("name", "values", "user", "secrets", "defaults", "sandbox", "expect", "golden", "run", "timeout")
_EXPECT_KEYS = ("files", "absent", "output", "steps", "log", "error")
_CONTENT_KEYS = ("equals", "text", "contains", "absent", "matches", "executable", "exists")
_COMMAND_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class FileExpectation:
    """What is expected of the files that a path or glob means; None where nothing is."""

    pattern: str
    text: str | None = None
    equals: Path | None = None
    contains: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    executable: bool | None = None


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a case expects; a run that fails is a failure unless ``error`` is given."""

    files: tuple[FileExpectation, ...] = ()
    absent: tuple[str, ...] = ()
    output: Json = None
    steps: Mapping[str, str] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a template and what is expected of it.

    Attributes:
        file: the test file.
        line: where the case stands in it.
        timeout: seconds that each command may take.
    """

    file: Path
    line: int
    name: str
    template: Path
    values: JsonObject
    user: str
    secrets: Mapping[str, str]
    defaults: bool
    sandbox: bool
    expect: Expectations
    golden: Path | None
    commands: tuple[str, ...]
    timeout: float = _COMMAND_SECONDS


def find(paths: list[Path]) -> list[Path]:
    """Return the test files among and below the paths.

    Raises:
        InputError: a path does not exist.
    """
    import os

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            for parent, folders, names in os.walk(path):
                folders[:] = sorted(
                    one
                    for one in folders
                    if one not in (".git", "node_modules", ".venv", "golden", ".backstage-py-dev")
                )
                found += [Path(parent, name) for name in sorted(names) if name.endswith(SUFFIXES)]
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path} does not exist")
    return found


def load(path: Path) -> list[Case]:
    """Read a test file.

    Raises:
        InputError: it cannot be read, or a key or value in it is wrong; the message names file and line.
    """
    found = reading.read_text(path, str(path))
    if found.unreadable:
        raise InputError(f"Cannot read {path}: {found.unreadable}")
    documents = yaml.load_all(found.text, filename=str(path))
    if not documents:
        raise InputError(f"{path} is empty; it needs 'cases'")
    if (error := documents[0].error()) is not None:
        raise InputError(str(error))
    return _Reader(path, documents[0]).cases()


class _Reader:
    def __init__(self, path: Path, document: yaml.Document) -> None:
        self._path = path
        self._document = document

    def cases(self) -> list[Case]:
        value = self._document.value
        self._keys(value, (), _FILE_KEYS)
        template = self._path.parent / str(value.get("template", "template.yaml"))
        if not isinstance(value.get("cases"), list) or not value["cases"]:
            raise self._error_at((), "'cases' must be a list of at least one case")
        return [self._case(one, ("cases", index), template) for index, one in enumerate(value["cases"])]

    def _case(self, value: Json, where: tuple[str | int, ...], template: Path) -> Case:
        self._keys(value, where, _CASE_KEYS)
        values, secrets = (self._map(value, where, key) for key in ("values", "secrets"))
        golden = value.get("golden")
        return Case(
            file=self._path,
            line=self._document.position(where).line,
            name=str(value.get("name", f"case {int(where[1]) + 1}")),
            template=template,
            values=values,
            user=str(value.get("user", "user:default/guest")),
            secrets={name: str(one) for name, one in secrets.items()},
            defaults=value.get("defaults") is not False,
            sandbox=value.get("sandbox") is True,
            expect=self._expect(value.get("expect") or {}, (*where, "expect")),
            golden=self._near(str(golden), (*where, "golden")) if golden else None,
            commands=self._texts(value, where, "run"),
            timeout=self._seconds(value, where),
        )

    def _expect(self, value: Json, where: tuple[str | int, ...]) -> Expectations:
        self._keys(value, where, _EXPECT_KEYS)
        listed = self._map(value, where, "files")
        error = value.get("error")
        return Expectations(
            files=tuple(self._file(name, one, (*where, "files", name)) for name, one in listed.items()),
            absent=self._texts(value, where, "absent"),
            output=value.get("output"),
            steps={name: str(one) for name, one in self._map(value, where, "steps").items()},
            log=self._texts(value, where, "log"),
            error="" if error is True else self._pattern(str(error), (*where, "error")) if error else None,
        )

    def _file(self, pattern: str, value: Json, where: tuple[str | int, ...]) -> FileExpectation:
        if value is None or value is True:
            return FileExpectation(pattern)
        if isinstance(value, str):
            return FileExpectation(pattern, text=value)
        self._keys(value, where, _CONTENT_KEYS)
        executable, text, equals = value.get("executable"), value.get("text"), value.get("equals")
        return FileExpectation(
            pattern,
            text=None if text is None else str(text),
            equals=self._near(str(equals), (*where, "equals")) if equals else None,
            contains=self._texts(value, where, "contains"),
            absent=self._texts(value, where, "absent"),
            matches=tuple(self._pattern(one, (*where, "matches")) for one in self._texts(value, where, "matches")),
            executable=executable if isinstance(executable, bool) else None,
        )

    def _seconds(self, value: JsonObject, where: tuple[str | int, ...]) -> float:
        seconds = value.get("timeout", _COMMAND_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise self._error_at((*where, "timeout"), "'timeout' must be a number of seconds")
        return float(seconds)

    def _pattern(self, pattern: str, where: tuple[str | int, ...]) -> str:
        if problem := regex.problem(pattern):
            raise self._error_at(where, f"{pattern!r} is no regular expression: {problem}")
        return pattern

    def _near(self, name: str, where: tuple[str | int, ...]) -> Path:
        """Return a file or folder of the project: its content is shown, and ``--update`` replaces it."""
        found = self._path.parent / name
        if not found.resolve().is_relative_to(_project(self._path)):
            raise self._error_at(where, f"{name!r} leads out of the project")
        return found

    def _keys(self, value: Json, where: tuple[str | int, ...], known: tuple[str, ...]) -> None:
        if not isinstance(value, dict):
            raise self._error_at(where, f"expected an object with {', '.join(known)}")
        for key in value:
            if key not in known:
                close = nearest(str(key), known)
                hint = f"did you mean '{close}'?" if close else f"known are {', '.join(known)}"
                raise self._error_at((*where, key), f"unknown key '{key}'; {hint}")

    def _map(self, value: JsonObject, where: tuple[str | int, ...], key: str) -> JsonObject:
        found = value.get(key) or {}
        if not isinstance(found, dict):
            raise self._error_at((*where, key), f"'{key}' must be an object")
        return found

    def _texts(self, value: JsonObject, where: tuple[str | int, ...], key: str) -> tuple[str, ...]:
        found = value.get(key) or []
        if isinstance(found, str):
            return (found,)
        if not isinstance(found, list):
            raise self._error_at((*where, key), f"'{key}' must be a text or a list of texts")
        return tuple(str(one) for one in found)

    def _error_at(self, where: tuple[str | int, ...], message: str) -> InputError:
        place = self._document.key_position(where)
        return InputError(f"{self._path}:{place.line}:{place.column}: {message}")


def _project(file: Path) -> Path:
    """Return the repository that a file lies in, or its folder where that is in none."""
    folder = file.resolve().parent
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)
