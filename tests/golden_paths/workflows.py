"""GitHub's workflows of produced repositories, as data and as actionlint should see them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_PINNED: Final = re.compile(r"(uses: [\w./-]+)@[0-9a-f]{40} # v(\d+)(\.\S+)")


def files(repositories: list[Path]) -> list[Path]:
    return [file for one in repositories for file in sorted((one / ".github/workflows").iterdir())]


def by_version(text: str) -> str:
    """Name each action by its version again.

    By its commit alone actionlint knows neither its inputs nor whether GitHub still runs what it is written for.
    """
    return _PINNED.sub(lambda match: f"{match[1]}@v{match[2]}" + (match[3] if match[2] == "0" else ""), text)


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
    return found


def steps(file: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(file).values():
        yield from job["steps"]
