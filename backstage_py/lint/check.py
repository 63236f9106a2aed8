"""Checks a text or a file: which rules apply, where findings are, and which the author has switched off."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from backstage_py.lint import documents, files, places, skeleton
from backstage_py.lint.actions import Catalogue, bundled_catalogue
from backstage_py.lint.config import Level
from backstage_py.lint.documents import Entity
from backstage_py.lint.files import Text
from backstage_py.lint.fixes import resolve
from backstage_py.lint.rule import Finding, Rule, Subject
from backstage_py.lint.rules import RULES
from backstage_py.lint.rules.author_files import Authored
from backstage_py.lint.skeleton import Fetch, Rendering, Usage
from backstage_py.lint.view import Template, Vocabulary
from backstage_py.model import yaml
from backstage_py.model.problem import Problem, Severity
from backstage_py.model.yaml import Document

_IGNORE = re.compile(r"backstage-py:\s*ignore(?:\[([^\]]*)\])?")
_BY_SUBJECT: Mapping[Subject, tuple[Rule, ...]] = {
    subject: tuple(rule for rule in RULES if rule.subject == subject)
    for subject in ("file", "entity", "template", "fetches", "skeleton", "usage", "authored")
}


@dataclass(frozen=True, slots=True)
class Options:
    """What is known besides the text: actions, names of one's own, and severities by code.

    Attributes:
        mending: problems say how they are mended, which takes longer.
    """

    catalogue: Catalogue = field(default_factory=bundled_catalogue)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    levels: Mapping[str, Level] = field(default_factory=dict)
    mending: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with its place, and what it was found in: a document, a file of a skeleton, or else the text."""

    problem: Problem
    finding: Finding
    document: Document | None = None
    rendering: Rendering | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The result for one file: its problems, and the folders that its templates read.

    Attributes:
        mendable: the files, as problems name them, for which a rule knows a repair.
    """

    problems: tuple[Problem, ...]
    skeletons: tuple[Path, ...] = ()
    mendable: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Source:
    """A text whose lines may say what to ignore."""

    file: str
    text: str
    at_most: Severity | None = None
    """What an error is in it, where it may not be meant to be read as it is."""

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def has_comments(self) -> bool:
        """Whether any line may say so; looked for once, since texts may be long and have many findings."""
        return "backstage-py:" in self.text

    def ignores(self, line: int, rule: Rule) -> bool:
        if not self.has_comments or not 0 < line <= len(self.lines):
            return False
        found = _IGNORE.search(self.lines[line - 1])
        if not found:
            return False
        named = {one.strip() for one in (found[1] or "").split(",") if one.strip()}
        return not named or bool(named & {rule.code, rule.name})


def check_text(text: str, file: str, options: Options | None = None, *, path: Path | None = None) -> list[Problem]:
    """Check a text.

    Args:
        text: of a template or catalog file.
        file: how problems name it.
        options: what is known besides.
        path: where the file lies, to look at the skeletons beside it; without it they are not looked at.
    """
    return list(_check(Text(file, text), options or Options(), path, whole=True).problems)


def look(
    text: str, file: str, options: Options | None = None, *, path: Path | None = None, whole: bool = True
) -> list[Found]:
    """Return what is found in a text, but not what is in the skeletons that it names.

    Args:
        text: of a template or catalog file.
        file: how problems name it.
        options: what is known besides.
        path: where the file lies, to see whether the skeletons beside it are there.
        whole: every document is meant to be an entity, as in a file that the author named.
    """
    return _look(Text(file, text), options or Options(), path, whole=whole, deep=False)[0]


def check_file(path: Path, file: str, options: Options | None = None, *, named: bool = True) -> Checked:
    """Check a file with the skeletons that its templates read.

    Args:
        path: of the file.
        file: how problems name it.
        options: what is known besides.
        named: the author named the file; otherwise it was found in a folder, and may be anything.
    """
    text = replace(files.read_text(path, file), is_named=named)
    whole = is_whole(path, named=named)
    if not named and not text.unreadable and not whole and not documents.is_ours(text.text):
        return Checked(())
    is_source = not named and documents.is_to_be_filled_in(text.text)
    if is_source and not whole:
        return Checked(())
    return _check(text, options or Options(), path, whole=whole, at_most="warning" if is_source else None)


def check_authored(text: Text, authored: Authored, options: Options) -> list[Problem]:
    """Return what is wrong with a file of tests, mocks or settings: its text, and what its reader found in it."""
    source = _Source(text.file, text.text)
    found = [*_of_texts(text, source, options), *_run("authored", authored, source, options, authored.document)]
    return sorted({one.problem for one in found})


def look_into(rendering: Rendering, options: Options) -> list[Found]:
    """Return what is found in a file of a skeleton."""
    return list(_run("skeleton", rendering, _Source(rendering.file, rendering.text), options, None))


def templates(text: str, options: Options) -> Iterator[Template]:
    """Yield the templates of a text."""
    for entity in documents.entities(yaml.load_all(text), all_of_them=False):
        if entity.is_template:
            yield Template(entity.document, options.catalogue, options.vocabulary)


def _check(text: Text, options: Options, path: Path | None, *, whole: bool, at_most: Severity | None = None) -> Checked:
    found, folders = _look(text, options, path, whole=whole, at_most=at_most)
    mendable = frozenset(one.problem.file for one in found if one.finding.repair)
    return Checked(tuple(sorted({one.problem for one in found})), tuple(folders), mendable)


def is_whole(path: Path, *, named: bool) -> bool:
    """Whether every document of a file is meant to be an entity: its author named it, or its name says so."""
    return named or path.name in files.ENTITY_NAMES


def _look(
    text: Text,
    options: Options,
    path: Path | None,
    *,
    whole: bool,
    deep: bool = True,
    at_most: Severity | None = None,
) -> tuple[list[Found], list[Path]]:
    if documents.is_of_a_skeleton(text.text):
        return [], []
    source = _Source(text.file, text.text, at_most)
    found = list(_of_texts(text, source, options))
    folders: list[Path] = []
    if not text.unreadable:
        for entity in _entities(text, options, path, whole=whole):
            found += _run("entity", entity, source, options, entity.document)
            if entity.is_template:
                template = Template(entity.document, options.catalogue, options.vocabulary)
                found += _run("template", template, source, options, entity.document)
                if path is not None:
                    fetches = tuple(skeleton.fetches(template, path))
                    found += _run("fetches", fetches, source, options, entity.document)
                    folders += [fetch.target for fetch in fetches if not fetch.is_file]
                    if deep:
                        used: dict[int, set[str | None]] = {}
                        found += _of_skeletons(fetches, Path(text.file).parent, options, used)
                        for fetch in fetches:
                            usage = Usage(fetch, frozenset(used.get(fetch.step.index, ())))
                            found += _run("usage", usage, source, options, entity.document)
    return found, folders


def _entities(text: Text, options: Options, path: Path | None, *, whole: bool) -> Iterator[Entity]:
    folder = path.absolute().parent if path else None
    return documents.entities(text.documents, all_of_them=whole, kinds=options.vocabulary.kinds, folder=folder)


def _of_texts(text: Text, source: _Source, options: Options) -> Iterator[Found]:
    yield from _run("file", text, source, options, None)


def _of_skeletons(
    fetches: Iterable[Fetch], folder: Path, options: Options, used: dict[int, set[str | None]]
) -> Iterator[Found]:
    """Look into the files of skeletons; ``used`` gets the values that they use, by the step's position."""
    for rendering in renderings(fetches, folder):
        used.setdefault(rendering.fetch.step.index, set()).update(rendering.used)
        yield from look_into(rendering, options)


def renderings(fetches: Iterable[Fetch], folder: Path) -> Iterator[Rendering]:
    """Yield the files that fetch steps render, named below ``folder``, that of the template as the author named it."""
    for fetch in fetches:
        if fetch.is_rendered and fetch.is_inside and fetch.is_certain and fetch.target.exists():
            yield from skeleton.renderings(fetch, _joined(folder, fetch.url))


def _joined(folder: Path, url: str) -> Path:
    return Path(os.path.normpath(folder / url))


def _run(
    subject: Subject, value: object, source: _Source, options: Options, document: Document | None
) -> Iterator[Found]:
    for rule in _BY_SUBJECT[subject]:
        level = options.levels.get(rule.code)
        if level == "off":
            continue
        for finding in rule.check(value):
            line, column = _place(finding, document)
            if not source.ignores(line, rule):
                severity = level or finding.severity or rule.severity
                severity = source.at_most if source.at_most and severity == "error" and not level else severity
                file = finding.file or source.file
                mending = resolve.mending(source.text, document, finding.repair) if options.mending else None
                problem = Problem(file, line, column, rule.code, severity, finding.message, finding.fix, mending)
                yield Found(problem, finding, document, value if isinstance(value, Rendering) else None)


def _place(finding: Finding, document: Document | None) -> tuple[int, int]:
    if finding.place is not None or document is None:
        return finding.place or (1, 1)
    return places.locate(document, finding.path, on_key=finding.on_key, offset=finding.offset)
