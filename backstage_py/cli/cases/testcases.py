"""Test files of templates: ``*.test.yaml`` beside the template, parsed once into cases.

``docs/testing.md`` is their reference. The keys are those of the JSON Schema ``author-files``, which editors get from
``backstage-py schema``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.cli.cases import beside, matrix, reader
from backstage_py.cli.cases import fixtures as fixture_reading
from backstage_py.cli.cases.reader import Reader
from backstage_py.cli.local.fixtures import Fixtures
from backstage_py.errors import InputError
from backstage_py.lint.refusals import Where
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.yaml import Document

SUFFIXES = beside.TESTS
_SKIPPED = frozenset({".git", "node_modules", ".venv", "golden", ".backstage-py-dev", ".backstage-py"})
_COMMAND_SECONDS = 300.0
_LONGEST_SECONDS = 24 * 3600.0
_STATUSES = ("completed", "skipped", "failed", "not run")


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
class Finding:
    """What ``validate`` is expected to find; None where any will do. ``file`` is the end of its path."""

    code: str
    line: int | None = None
    file: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a case expects; a run that fails is a failure unless ``error`` is given."""

    files: tuple[FileExpectation, ...] = ()
    absent: tuple[str, ...] = ()
    output: Json = None
    steps: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Json] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a template and what is expected of it.

    Attributes:
        file: the test file.
        line: where the case stands in it.
        timeout: seconds that each command may take.
        fixtures: what stands in for actions, the catalog and Backstage.
        findings: all that ``validate`` finds; such a case runs nothing. None for any other case.
    """

    file: Path
    line: int
    name: str
    template: Path
    values: JsonObject = field(default_factory=dict)
    user: str = "user:default/guest"
    secrets: Mapping[str, str] = field(default_factory=dict)
    defaults: bool = True
    sandbox: bool = False
    expect: Expectations = field(default_factory=Expectations)
    golden: Path | None = None
    commands: tuple[str, ...] = ()
    timeout: float = _COMMAND_SECONDS
    fixtures: Fixtures = field(default_factory=Fixtures)
    findings: tuple[Finding, ...] | None = None


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
                folders[:] = sorted(one for one in folders if one not in _SKIPPED)
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
    documents = reader.documents(path)
    if not documents or documents[0].value is None:
        raise InputError(f"{path} is empty; it needs 'cases'")
    return of(path, documents[0])


def of(path: Path, document: Document) -> list[Case]:
    """Return the cases of a test file that was read.

    Raises:
        RefusedError: a key or value in it is wrong.
    """
    return list(_Cases(Reader(path, document)).all())


def shared(path: Path) -> Fixtures:
    """Return what stands in for the world in all cases of a test file.

    Raises:
        InputError: it cannot be read, or is wrong.
    """
    documents = reader.documents(path)
    return fixture_reading.of(Reader(path, documents[0]), documents[0].value, ()) if documents else Fixtures()


class _Cases:
    def __init__(self, given: Reader) -> None:
        self._given = given
        self._path = given.path

    def all(self) -> Iterator[Case]:
        value = self._given.document.value
        self._given.expect_keys(value, (), "tests")
        template = self._path.parent / (self._given.text(value, (), "template") or "template.yaml")
        if "findings" in value:
            yield self._validating(value["findings"], template)
        elif not isinstance(value.get("cases"), list) or not value["cases"]:
            raise self._given.error_at((), "'cases' must be a list of at least one case")
        cases = value.get("cases") or []
        if not isinstance(cases, list):
            raise self._given.error_at(("cases",), "'cases' must be a list")
        common = fixture_reading.of(self._given, value, ())
        for index, one in enumerate(cases):
            where = ("cases", index)
            self._given.expect_keys(one, where, "case")
            for variant, label in self._variants(one, where):
                yield self._case(variant, where, template, common, label)

    def _variants(self, value: JsonObject, where: Where) -> Iterator[tuple[JsonObject, str]]:
        if "each" not in value:
            yield value, ""
            return
        rest = {key: one for key, one in value.items() if key != "each"}
        self._given.map(value, where, "values")
        for one in matrix.combinations(self._given, value["each"], (*where, "each")):
            filled = matrix.filled(rest, one)
            yield {**filled, "values": {**one, **(filled.get("values") or {})}}, f" {matrix.label(one)}"

    def _case(self, value: JsonObject, where: Where, template: Path, common: Fixtures, label: str) -> Case:
        given = self._given
        golden = given.text(value, where, "golden")
        return Case(
            file=self._path,
            line=given.document.position(where).line,
            name=(given.text(value, where, "name") or f"case {int(where[1]) + 1}") + label,
            template=template,
            values=given.map(value, where, "values"),
            user=given.text(value, where, "user") or "user:default/guest",
            secrets={name: str(one) for name, one in given.map(value, where, "secrets").items()},
            defaults=given.switch(value, where, "defaults", default=True),
            sandbox=given.switch(value, where, "sandbox", default=False),
            expect=self._expect(value.get("expect") or {}, (*where, "expect")),
            golden=given.near(golden, (*where, "golden")) if golden else None,
            commands=given.texts(value, where, "run"),
            timeout=self._seconds(value, where),
            fixtures=fixture_reading.merged(common, fixture_reading.of(given, value, where)),
        )

    def _expect(self, value: Json, where: Where) -> Expectations:
        given = self._given
        given.expect_keys(value, where, "expect")
        listed = given.map(value, where, "files")
        error = value.get("error")
        return Expectations(
            files=tuple(self._file(name, one, (*where, "files", name)) for name, one in listed.items()),
            absent=given.texts(value, where, "absent"),
            output=value.get("output"),
            steps=self._statuses(value, where),
            inputs=given.map(value, where, "inputs"),
            log=given.texts(value, where, "log"),
            error="" if error is True else self._text_or_pattern(value, where) if error else None,
        )

    def _text_or_pattern(self, value: JsonObject, where: Where) -> str:
        return self._given.pattern(self._given.text(value, where, "error") or "", (*where, "error"))

    def _statuses(self, value: JsonObject, where: Where) -> dict[str, str]:
        found = self._given.map(value, where, "steps")
        for step, status in found.items():
            if status not in _STATUSES:
                message = f"the status of a step must be one of {', '.join(_STATUSES)}"
                raise self._given.error_at((*where, "steps", step), message)
        return {str(step): str(status) for step, status in found.items()}

    def _file(self, pattern: str, value: Json, where: Where) -> FileExpectation:
        if value is None or value is True:
            return FileExpectation(pattern)
        if value is False:
            raise self._given.error_at(where, f"'{pattern}' must not be there: that is said by 'expect.absent'")
        if isinstance(value, str):
            return FileExpectation(pattern, text=value)
        given = self._given
        given.expect_keys(value, where, "content")
        equals = given.text(value, where, "equals")
        return FileExpectation(
            pattern,
            text=given.text(value, where, "text"),
            equals=given.near(equals, (*where, "equals")) if equals else None,
            contains=given.texts(value, where, "contains"),
            absent=given.texts(value, where, "absent"),
            matches=tuple(given.pattern(one, (*where, "matches")) for one in given.texts(value, where, "matches")),
            executable=given.switch(value, where, "executable", default=False) if "executable" in value else None,
        )

    def _seconds(self, value: JsonObject, where: Where) -> float:
        seconds = value.get("timeout", _COMMAND_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            raise self._given.error_at((*where, "timeout"), "'timeout' must be a number of seconds")
        return float(min(seconds, _LONGEST_SECONDS))

    def _validating(self, value: Json, template: Path) -> Case:
        if not isinstance(value, list):
            raise self._given.error_at(("findings",), "'findings' must be a list of codes, as BPY301, or of findings")
        findings = tuple(self._finding(one, ("findings", index)) for index, one in enumerate(value))
        line = self._given.document.key_position(("findings",)).line
        return Case(self._path, line, "validate", template, findings=findings)

    def _finding(self, value: Json, where: Where) -> Finding:
        if isinstance(value, str):
            return Finding(value.upper())
        self._given.expect_keys(value, where, "finding")
        code, line = self._given.text(value, where, "code"), value.get("line")
        if not code:
            raise self._given.error_at(where, "a finding has a 'code'")
        if line is not None and (isinstance(line, bool) or not isinstance(line, int)):
            raise self._given.error_at((*where, "line"), "'line' must be a number")
        return Finding(
            code.upper(), line, self._given.text(value, where, "file"), self._given.text(value, where, "message")
        )
