"""What a run against the sandbox leaves: where it is kept, and what its links lead to once the git host is gone."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from backstage_py.model.json import Json


def repositories(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the repositories that were pushed: ``owner/name``, and the folder to clone from."""
    for found in sorted((root / "repositories").glob("*/*.git")):
        yield f"{found.parent.name}/{found.name.removesuffix('.git')}", found.absolute()


def emptied(root: Path) -> Path:
    """Remove the repositories of the last run, so that a template can publish under the same name again."""
    if (root / "repositories").is_dir():
        shutil.rmtree(root)
    return root


def without_host(value: Json, hosts: Sequence[str], root: Path) -> Json:
    """Return an output in which addresses of repositories of the git host are those of the folders that stay."""
    if not hosts:
        return value
    named = "|".join(re.escape(host) for host in hosts)
    pattern = re.compile(rf"https?://(?:{named})/([\w.-]+/[\w.-]+?)(?:\.git)?(?=[/?#\s]|$)")
    left = {name: folder.as_uri() for name, folder in repositories(root)}
    return _replaced(value, lambda match: left.get(match[1], match[0]), pattern)


def _replaced(value: Json, replacement: Callable[[re.Match[str]], str], pattern: re.Pattern[str]) -> Json:
    if isinstance(value, str):
        return pattern.sub(replacement, value)
    if isinstance(value, list):
        return [_replaced(one, replacement, pattern) for one in value]
    if isinstance(value, dict):
        return {key: _replaced(one, replacement, pattern) for key, one in value.items()}
    return value
