"""Which templates read a file: those in the folders above it, as far up as its repository reaches."""

import itertools
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backstage_py.lint import check, files, skeleton
from backstage_py.lint.check import Found, Options
from backstage_py.lint.skeleton import Fetch, Rendering

_NAMES = ("template.yaml", "template.yml")
_MOST_FOLDERS = 12


def found_in(text: str, path: Path, options: Options) -> list[Found]:
    """Return what is found in the text of a file, as the templates around render it; nothing if none does."""
    return [found for rendering in _renderings(text, path, options) for found in check.look_into(rendering, options)]


def _renderings(text: str, path: Path, options: Options) -> Iterator[Rendering]:
    for template in _templates(path):
        content = files.read_text(template, str(template))
        for one in check.templates(content.text, options):
            for fetch in skeleton.fetches(one, template):
                relative = _relative(fetch, path)
                if relative is not None:
                    yield Rendering(fetch, relative, str(path), text)


def _templates(path: Path) -> Iterator[Path]:
    root = skeleton.repository(path.parent)
    for folder in itertools.islice(path.parents, _MOST_FOLDERS):
        yield from (folder / name for name in _NAMES if (folder / name).is_file())
        if folder == root:
            return


def _relative(fetch: Fetch, path: Path) -> str | None:
    """The path of a file below what a step renders, None if it does not render it."""
    if not (fetch.is_rendered and fetch.is_inside and fetch.is_certain):
        return None
    if fetch.is_file:
        return path.name if fetch.target == path else None
    if not path.is_relative_to(fetch.target):
        return None
    relative = str(PurePosixPath(path.relative_to(fetch.target)))
    return relative if fetch.renders(relative) else None
