"""Which files of a project are mended, and what they become; nothing is written."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from backstage_py.lint import check, discovery, files, skeleton
from backstage_py.lint.check import Found, Options
from backstage_py.lint.discovery import Candidate
from backstage_py.lint.fixes import rounds
from backstage_py.lint.skeleton import Fetch, Rendering


@dataclass(frozen=True, slots=True)
class MendedFile:
    """A file as it is and as it should be; ``made`` is what was mended."""

    path: Path
    file: str
    before: str
    after: str
    made: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The files that change, and a sentence for each that could be mended and is left as it is."""

    files: tuple[MendedFile, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Template:
    """A template's file with the steps that read what lies beside it."""

    file: str
    fetches: tuple[Fetch, ...]


def mend_text(text: str, file: str, options: Options) -> MendedFile:
    """Mend a text that lies nowhere, so that only what it holds itself is known."""
    mended = rounds.mend(text, lambda now: check.look(now, file, options))
    return MendedFile(Path(file), file, text, mended.text, mended.made)


def mend_paths(paths: Sequence[Path], options: Options, *, exclude: Sequence[str] = ()) -> Outcome:
    """Mend files, what is below folders, and the skeletons that their templates read."""
    found = discovery.checked(paths, options, exclude=exclude)
    wanted = {file for _, one in found for file in one.mendable}
    changed: list[MendedFile] = []
    left: list[str] = []
    for candidate, _ in found:
        if candidate.file in wanted:
            _keep(_document(candidate, options), changed, left)
    inside = wanted - {candidate.file for candidate, _ in found}
    if inside:
        texts = {one.file: one.after for one in changed}
        templates = [
            one for candidate, _ in found if candidate.template for one in _templates(candidate, texts, options)
        ]
        for path, group in _by_path(templates, inside).items():
            _keep(_skeleton_file(path, group, templates, options), changed, left)
    return Outcome(tuple(changed), tuple(left))


def _keep(mended: MendedFile | str, changed: list[MendedFile], left: list[str]) -> None:
    if isinstance(mended, str):
        left.append(mended)
    elif mended.after != mended.before:
        changed.append(mended)


def _document(candidate: Candidate, options: Options) -> MendedFile | str:
    text = _text(candidate.path, candidate.file)
    if isinstance(text, _Refused):
        return text.reason
    whole = check.is_whole(candidate.path, named=candidate.named)
    mended = rounds.mend(
        text.text, lambda now: check.look(now, candidate.file, options, path=candidate.path, whole=whole)
    )
    return MendedFile(candidate.path, candidate.file, text.text, mended.text, mended.made)


def _templates(candidate: Candidate, texts: Mapping[str, str], options: Options) -> Iterator[_Template]:
    text = texts.get(candidate.file) or files.read_text(candidate.path, candidate.file).text
    for template in check.templates(text, options):
        yield _Template(candidate.file, tuple(skeleton.fetches(template, candidate.path)))


def _by_path(templates: Sequence[_Template], wanted: set[str]) -> dict[Path, list[Rendering]]:
    """The renderings of each wanted file; several steps may read the same one."""
    groups: dict[Path, list[Rendering]] = {}
    paths = {os.path.abspath(file) for file in wanted}  # noqa: PTH100  # as the folders of skeletons are made
    for template in templates:
        for rendering in check.renderings(template.fetches, Path(template.file).parent):
            if os.path.abspath(rendering.file) in paths:  # noqa: PTH100  # as above
                groups.setdefault(rendering.path, []).append(rendering)
    return groups


def _skeleton_file(
    path: Path, group: Sequence[Rendering], templates: Sequence[_Template], options: Options
) -> MendedFile | str:
    file = group[0].file
    text = _text(path, file)
    if isinstance(text, _Refused):
        return text.reason
    if any(_copies(fetch, path) for template in templates for fetch in template.fetches):
        return f"{file} is rendered by one step and copied as it is by another; it is left as it is"
    mended = rounds.mend(text.text, lambda now: _agreed([replace(one, text=now) for one in group], options))
    return MendedFile(path, file, text.text, mended.text, mended.made)


def _copies(fetch: Fetch, path: Path) -> bool:
    """Whether a step hands the file on without rendering it."""
    if fetch.is_file:
        return not fetch.is_rendered and fetch.target == path
    if not path.is_relative_to(fetch.target):
        return False
    return not fetch.is_rendered or not fetch.renders(str(PurePosixPath(path.relative_to(fetch.target))))


def _agreed(group: Sequence[Rendering], options: Options) -> list[Found]:
    """What is found in a file, mended only where all steps that read it would have it so."""
    each = [check.look_into(one, options) for one in group]
    common = set.intersection(*({one.finding.repair for one in found} for found in each))
    return [
        one if one.finding.repair in common else replace(one, finding=replace(one.finding, repair=None))
        for found in each
        for one in found
    ]


@dataclass(frozen=True, slots=True)
class _Read:
    text: str


@dataclass(frozen=True, slots=True)
class _Refused:
    reason: str


def _text(path: Path, file: str) -> _Read | _Refused:
    content = files.read_bytes(path, files.LARGEST_DOCUMENT)
    if content.unreadable:
        return _Refused(f"{file} cannot be read: {content.unreadable}")
    try:
        return _Read(content.data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _Refused(f"{file} is no UTF-8 (byte {error.start}); it is left as it is: save it as UTF-8 first")
