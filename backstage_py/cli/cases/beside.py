"""Which files are tests, mocks or the configuration; looked for with little that must be imported first."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from backstage_py.lint import config as configs
from backstage_py.lint import discovery, files
from backstage_py.model import globs

TESTS = (".test.yaml", ".test.yml")
MOCKS = (".mocks.yaml", ".mocks.yml")
_CODE = ("${{", "{%")


def is_ours(path: Path) -> bool:
    """Say by its name whether a file holds tests, mocks or the configuration."""
    return path.name == configs.FILE or path.name.endswith((*TESTS, *MOCKS))


def below(folder: Path, exclude: Sequence[str], skeletons: frozenset[str]) -> Iterator[Path]:
    """Yield the files below a folder that are ours: others have files of such names, too."""
    for path in discovery.walk(folder):
        if is_ours(path) and not discovery.is_below(path, skeletons):
            covered = exclude and globs.covers(exclude, path.as_posix().removeprefix("./"))
            if not covered and (path.name == configs.FILE or _is_for_a_template(path)):
                yield path


def _is_for_a_template(path: Path) -> bool:
    """Whether a template lies beside a file, or it names one and is nothing that is still to be rendered."""
    if any((path.parent / name).is_file() for name in ("template.yaml", "template.yml")):
        return True
    text = files.read_text(path, str(path)).text
    is_rendered = any(sign in text for sign in _CODE) and "each." not in text
    return not is_rendered and "template:" in text and ("expect:" in text or "findings:" in text)
