"""What is wrong with tests, mocks and the configuration, for ``validate``: all that their readers refuse, and more.

The sentences are those of ``backstage-py test``, which stops at the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from backstage_py.cli.cases import beside, fixtures, testcases
from backstage_py.cli.cases.reader import Reader
from backstage_py.cli.cases.testcases import Case
from backstage_py.cli.local import failures, form
from backstage_py.errors import InputError
from backstage_py.js.values import UNDEFINED
from backstage_py.lint import config as configs
from backstage_py.lint import files, placeholders
from backstage_py.lint.check import Options, check_authored
from backstage_py.lint.files import Text
from backstage_py.lint.nearest import misspelled, nearest
from backstage_py.lint.refusals import RefusedError, Where, collect
from backstage_py.lint.rule import Finding
from backstage_py.lint.rules import RULES
from backstage_py.lint.rules.author_files import Authored, Kind
from backstage_py.model import entity_schema, template
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.problem import Problem
from backstage_py.model.template import Template
from backstage_py.model.yaml import Document

Found = Iterator[tuple[Kind, Finding]]


def problems(path: Path, known: Options) -> list[Problem]:
    """Return what is wrong with a file, which problems name as it is given."""
    text = files.read_text(path, str(path))
    if path.name == "pyproject.toml":
        return of_config(configs.look(path), Text(str(path)), known)
    if text.unreadable or any(one.errors for one in text.documents):
        return check_authored(text, Authored(None, ()), known)
    if path.name == configs.FILE:
        return of_config(configs.look(path), text, known)
    document = next(iter(text.documents), None)
    reading = _of_mocks if path.name.endswith(beside.MOCKS) else _of_tests
    return check_authored(text, Authored(document, tuple(reading(path, document))), known)


def of_config(looked: configs.Looked, text: Text, known: Options) -> list[Problem]:
    """Return what is wrong with a configuration; ``text`` is its file's."""
    findings = tuple(_refusals("config", looked.refused))
    if looked.document is None:  # TOML says no lines
        findings = tuple((kind, replace(one, place=(1, 1))) for kind, one in findings)
    return check_authored(text, Authored(looked.document, findings), known)


def _refusals(kind: Kind, refused: Sequence[RefusedError]) -> Found:
    for one in refused:
        yield kind, Finding(one.reason, one.where, on_key=bool(one.where) and isinstance(one.where[-1], str))


def _of_mocks(path: Path, document: Document | None) -> Found:
    if document is not None and document.value is not None:
        _, refused = collect(document.value, lambda value: fixtures.mocks(Reader(path, document), value, ()))
        yield from _refusals("form", refused)


def _of_tests(path: Path, document: Document | None) -> Found:
    if document is None or document.value is None:
        yield "form", Finding(f"{path} is empty; it needs 'cases'", place=(1, 1))
        return
    cases, refused = collect(document.value, lambda value: testcases.of(path, replace(document, value=value)))
    yield from _refusals("form", refused)
    if not isinstance(document.value, dict):
        return
    yield from _of_entities(document.value)
    wrong = {one.where[:2] for one in refused}
    if cases is None:
        return
    file = cases[0].template if cases else path.parent / "template.yaml"
    found = _template(file)
    if isinstance(found, str):
        where: Where = ("template",) if "template" in document.value else ()
        yield "fit", Finding(found, where, on_key=bool(where))
    numbers = {document.position(("cases", at)).line: at for at in range(len(document.value.get("cases") or ()))}
    seen: set[tuple[Where, str]] = set()
    for case in cases:
        where = () if case.findings is not None else ("cases", numbers[case.line])
        if where not in wrong:
            for finding in _of_case(case, where, document.value, found if isinstance(found, Template) else None):
                if (finding.path, finding.message) not in seen:
                    seen.add((finding.path, finding.message))
                    yield "fit", finding


def _of_entities(value: JsonObject) -> Found:
    """Kinds that are misspelled: ``test`` takes any, since a Backstage may have its own."""
    lists: list[tuple[Where, Json]] = [(("entities",), value.get("entities"))]
    cases = value.get("cases")
    for at, case in enumerate(cases if isinstance(cases, list) else ()):
        lists += [(("cases", at, "entities"), case.get("entities"))] if isinstance(case, dict) else []
    for where, listed in lists:
        for at, one in enumerate(listed if isinstance(listed, list) else ()):
            kind = one.get("kind") if isinstance(one, dict) else None
            if isinstance(kind, str) and (meant := misspelled(kind, entity_schema.KINDS)):
                message = f"there is no kind '{kind}'; did you mean '{meant}'?"
                yield "fit", Finding(message, (*where, at, "kind"), severity="warning")


def _template(file: Path) -> Template | str | None:
    """Return the template of a test file, why it cannot be read, or None where it is for its own findings to say."""
    text = files.read_text(file, str(file))
    if text.unreadable:
        return f"Cannot read {file}: {text.unreadable}"
    for document in text.documents:
        if document.errors:
            return None
        entity = document.value
        if isinstance(entity, dict) and entity.get("kind") == "Template":
            judged_elsewhere = placeholders.within(entity) or template.problems(entity)
            return None if judged_elsewhere else template.parse(entity)
    return None


def _of_case(case: Case, where: Where, value: JsonObject, of: Template | None) -> Iterator[Finding]:
    if case.findings is not None:
        codes = {one.code for one in RULES}
        for at, one in enumerate(case.findings):
            if one.code not in codes:
                yield Finding(f"there is no rule '{one.code}'", ("findings", at))
        return
    if of is None:
        return
    from backstage_py.scaffolder.run.spec import steps_with_defaults  # costs only those who have tests

    steps = steps_with_defaults(of.steps)
    known = [str(one["id"]) for one in steps]
    for id_ in fixtures.unknown_mocks(case.fixtures, steps):
        own = _has(value, (*where, "mocks", id_))
        close = nearest(id_, [*known, *{str(one["action"]) for one in steps}])
        hint = f"; did you mean '{close}'?" if close else ""
        message = f"No step of {case.template} has the id or the action {id_}, which is mocked{hint}"
        yield Finding(message, (*where, "mocks", id_) if own else ("mocks", id_), on_key=True)
    for key, named in (("steps", case.expect.steps), ("inputs", case.expect.inputs)):
        for step in named:
            if step not in known:
                close = nearest(step, known)
                message = f"step {step}: the template has none{f'; did you mean {close}?' if close else ''}"
                yield Finding(message, (*where, "expect", key, step), on_key=True)
    yield from _of_values(case, where, value, of)


def _of_values(case: Case, where: Where, value: JsonObject, of: Template) -> Iterator[Finding]:
    """What the form refuses, unless the case expects that it fails."""
    from backstage_py.scaffolder.face import template_forms

    asked = form.names(of.pages)
    missing: set[str] = set()
    for name in case.values:
        close = nearest(name, asked - set(case.values)) if asked and name not in asked else None
        if close:
            missing.add(close)
            message = f"the form of {case.template} does not ask for '{name}'; did you mean '{close}'?"
            yield Finding(message, (*where, "values", name), on_key=True, severity="warning")
    if case.expect.error is not None:
        return
    given = form.with_defaults(of.pages, case.values) if case.defaults else dict(case.values)
    try:
        template_forms.check_values(of, form.with_masks(of.pages, given, case.secrets))
    except template_forms.FormProblems as problems:
        for one in problems.errors:
            path, rule, argument = tuple(one["path"]), str(one["name"]), one.get("argument")
            if rule == "required" and str(argument) in missing:
                continue
            message = failures.worded(path, rule, argument, one.get("instance", UNDEFINED), one["message"])
            place: Where = (*where, "values", *path)
            yield Finding(message, place if path and _has(value, place) else _above(value, where))
    except InputError:
        return  # a mistake of the form itself, which is told in the template


def _above(value: JsonObject, where: Where) -> Where:
    return (*where, "values") if _has(value, (*where, "values")) else where


def _has(value: Json, where: Where) -> bool:
    for part in where:
        members = dict(enumerate(value)) if isinstance(value, list) else value
        if not isinstance(members, dict) or part not in members:
            return False
        value = members[part]
    return True
