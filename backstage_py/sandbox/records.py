"""What the sandbox stores of a repository besides its objects and refs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from backstage_py.model.json import Json, JsonObject

SETTINGS: Mapping[str, Json] = {
    "description": None,
    "homepage": None,
    "has_issues": True,
    "has_projects": True,
    "has_wiki": True,
    "has_discussions": False,
    "is_template": False,
    "archived": False,
    "allow_squash_merge": True,
    "allow_merge_commit": True,
    "allow_rebase_merge": True,
    "allow_auto_merge": False,
    "allow_update_branch": False,
    "delete_branch_on_merge": False,
    "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
    "squash_merge_commit_message": "COMMIT_MESSAGES",
    "web_commit_signoff_required": False,
}
"""What a caller may set when creating or changing a repository, with GitHub's defaults."""


def now() -> str:
    """Return the time as GitHub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's record.

    ``books`` holds settings that are stored without effect: book name -> key -> record, e.g. ``books["variables"]``.
    """

    owner: str
    name: str
    private: bool = False
    visibility: str = "public"
    default_branch: str = "main"
    settings: JsonObject = field(default_factory=lambda: dict(SETTINGS))
    topics: tuple[str, ...] = ()
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    pushed_at: str | None = None
    books: dict[str, JsonObject] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Owner and name as they stand in a URL."""
        return f"{self.owner}/{self.name}"

    def book(self, name: str) -> JsonObject:
        """Return one book, empty if nothing was written; not to be changed."""
        return self.books.get(name, {})

    def with_record(self, book: str, key: str, record: Json) -> "Repository":
        """Return the repository with one record more or changed."""
        return replace(self, books=self.books | {book: self.book(book) | {key: record}}, updated_at=now())

    def without_record(self, book: str, key: str) -> "Repository":
        """Return the repository with one record less."""
        rest = {other: record for other, record in self.book(book).items() if other != key}
        return replace(self, books=self.books | {book: rest}, updated_at=now())

    def pushed(self, default_branch: str | None = None) -> "Repository":
        """Return the repository as it is after a push, which may have given it its default branch."""
        return replace(self, pushed_at=now(), default_branch=default_branch or self.default_branch)

    def to_json(self) -> JsonObject:
        """Return the record as it is kept in a file."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Read a record from its file."""
        return cls(**{**data, "topics": tuple(data["topics"])})


Edit = Callable[[Repository], Repository]
