"""What a push to GitHub has changed of the files that are catalog files."""

from collections.abc import Iterable
from dataclasses import dataclass

from backstage_py.model import globs
from backstage_py.model.json import JsonObject

_MOST_COMMITS = 2048
"""So many GitHub tells at most."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """Catalog files that a push has touched, each by what became of it in the end.

    Attributes:
        is_whole: False when GitHub may not have told all.
    """

    added: frozenset[str]
    removed: frozenset[str]
    modified: frozenset[str]
    is_whole: bool = True

    @classmethod
    def of(cls, event: JsonObject, pattern: str) -> "Pushed":
        """Return what an event tells about the paths that a pattern names."""
        commits = event.get("commits") or []
        last: dict[str, str] = {}
        for commit in commits:
            for what in ("added", "modified", "removed"):
                for path in _matching(commit.get(what) or (), pattern):
                    last[path] = "added" if what == "modified" and last.get(path) == "added" else what
        kinds = {
            what: frozenset(path for path, became in last.items() if became == what) for what in set(last.values())
        }
        none = frozenset[str]()
        is_whole = len(commits) < _MOST_COMMITS and not event.get("forced")
        return cls(kinds.get("added", none), kinds.get("removed", none), kinds.get("modified", none), is_whole)

    @property
    def paths(self) -> frozenset[str]:
        """All that were touched."""
        return self.added | self.removed | self.modified


def _matching(paths: Iterable[str], pattern: str) -> Iterable[str]:
    return (path for path in paths if globs.matches(pattern, path, dot=False))
