"""``catalog.providers`` for git hosts besides GitHub: whose repositories have catalog files, and where in them.

The keys are those of Backstage's catalog modules for the same hosts.
"""

from dataclasses import dataclass
from typing import ClassVar

from backstage_py.js import regex
from backstage_py.model.json import Json
from backstage_py.settings import kinds
from backstage_py.settings.description import Key, key
from backstage_py.settings.kinds import Kind, shown
from backstage_py.settings.reading import Reader
from backstage_py.settings.schedules import SCHEDULE, Schedule

_NO_SCHEDULE = "is missing; expected an object with frequency and timeout"
_HOST = "The host as in URLs."


def _pattern(value: Json) -> str:
    text = kinds.TEXT.parse(value)
    try:
        regex.tester(text)
    except regex.PatternError as error:
        raise ValueError(str(error)) from error
    return text


def _patterns(value: Json) -> tuple[str, ...]:
    return tuple(_pattern(one) for one in (value if isinstance(value, list) else [value]))


def _relations(value: Json) -> tuple[str, ...]:
    found = kinds.TEXTS.parse(value)
    for one in found:
        if one not in _RELATIONS:
            raise ValueError(f"expected {', '.join(_RELATIONS)}; found {shown(one)}")
    return found


_RELATIONS = ("DIRECT", "INHERITED", "DESCENDANTS", "SHARED_FROM_GROUPS")
_PATTERN = Kind(_pattern, kinds.TEXT_SCHEMA)
_PATTERNS: Kind[tuple[str, ...]] = Kind(_patterns, kinds.TEXTS.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitlabSettings:
    """Projects of GitLab with catalog files, and with ``orgEnabled`` its users and groups.

    Attributes:
        id: name of the provider.
        groups: expressions for paths of groups whose projects are looked at; all of ``group`` without any.
    """

    id: str = "default"
    host: str = key("host", kinds.TEXT, _HOST, example="gitlab.com")
    group: str = key("group", kinds.TEXT, "Path of the group; all that the token sees without it.", "")
    branch: str | None = key("branch", kinds.TEXT, "Their branch; the default one without it.", None)
    fallback_branch: str = key("fallbackBranch", kinds.TEXT, "Where there is no default one; master.", "master")
    file: str = key("entityFilename", kinds.TEXT, "Where catalog files are; catalog-info.yaml.", "catalog-info.yaml")
    projects: str | None = key("projectPattern", _PATTERN, "A regular expression for paths of projects.", None)
    users: str | None = key("userPattern", _PATTERN, "A regular expression for addresses, else names, of users.", None)
    groups: tuple[str, ...] = key("groupPattern", _PATTERNS, "Regular expressions for paths of groups.", ())
    topics: tuple[str, ...] = key("topics", kinds.TEXTS, "Projects with all of these topics.", ())
    excluded: tuple[str, ...] = key("excludeRepos", kinds.TEXTS, "Paths of projects that are left out.", ())
    has_archived: bool = key("includeArchivedRepos", kinds.SWITCH, "Archived ones, too.", False)
    skips_forks: bool = key("skipForkedRepos", kinds.SWITCH, "No forks.", False)
    is_member: bool = key("membership", kinds.SWITCH, "Only projects that the token's user is a member of.", False)
    searches: bool = key("useSearch", kinds.SWITCH, "Find files by GitLab's search; needs a group.", False)
    is_org: bool = key("orgEnabled", kinds.SWITCH, "Users and groups, too.", False)
    restricts_users: bool = key("restrictUsersToGroup", kinds.SWITCH, "Only users who are members of `group`.", False)
    has_seatless: bool = key("includeUsersWithoutSeat", kinds.SWITCH, "gitlab.com: users without a seat, too.", False)
    allows_inherited: bool = key("allowInherited", kinds.SWITCH, "Old form of `relations: [INHERITED]`.", False)
    relations: tuple[str, ...] = key(
        "relations", Kind(_relations, kinds.TEXTS.schema), "Kinds of members besides direct ones.", ()
    )
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=_NO_SCHEDULE)

    also: ClassVar = (Key("catalogFile", without_effect="Backstage does not read it either; set entityFilename"),)

    def checked(self, section: Reader) -> "GitlabSettings":
        """Refuse what cannot be meant."""
        if self.is_org and not self.group and self.host == "gitlab.com":
            section.fail("group", "is missing; users and groups of gitlab.com are those of a group")
        if self.searches and not self.group:
            section.fail("group", "is missing; useSearch searches in a group")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureDevOpsSettings:
    """Repositories of Azure DevOps whose catalog files its code search finds."""

    id: str = "default"
    host: str = key("host", kinds.TEXT, f"{_HOST[:-1]}; dev.azure.com.", "dev.azure.com")
    organization: str = key("organization", kinds.TEXT, "The organization, or collection.", example="contoso")
    project: str = key("project", kinds.TEXT, "The project, with * for some or all.", example="my-project")
    repository: str = key("repository", kinds.TEXT, "The repository, with * for some; all by default.", "*")
    branch: str | None = key("branch", kinds.TEXT, "A branch that is searched; the default one without it.", None)
    path: str = key("path", kinds.TEXT, "Where catalog files are; /catalog-info.yaml.", "/catalog-info.yaml")
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=_NO_SCHEDULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbucketCloudSettings:
    """Repositories of a workspace of Bitbucket Cloud whose catalog files its code search finds."""

    id: str = "default"
    workspace: str = key("workspace", kinds.TEXT, "The workspace.", example="acme")
    catalog_path: str = key("catalogPath", kinds.TEXT, "Where catalog files are.", "/catalog-info.yaml")
    project: str | None = key("filters.projectKey", _PATTERN, "A regular expression for a whole key.", None)
    repository: str | None = key("filters.repoSlug", _PATTERN, "A regular expression for a whole name.", None)
    page: int = key("pagelen", kinds.whole(least=1, most=100), "Results of a page; 100.", 100)
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=_NO_SCHEDULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbucketServerSettings:
    """Repositories of a Bitbucket Server."""

    id: str = "default"
    host: str = key("host", kinds.TEXT, _HOST, example="bitbucket.example.com")
    catalog_path: str = key("catalogPath", kinds.TEXT, "Where catalog files are.", "/catalog-info.yaml")
    project: str | None = key("filters.projectKey", _PATTERN, "A regular expression for keys of projects.", None)
    repository: str | None = key("filters.repoSlug", _PATTERN, "A regular expression for names.", None)
    skips_archived: bool = key("filters.skipArchivedRepos", kinds.SWITCH, "No archived ones.", False)
    validates: bool = key("validateLocationsExist", kinds.SWITCH, "Only repositories that have the file.", False)
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=_NO_SCHEDULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiteaSettings:
    """Repositories of an organization on Gitea or Forgejo."""

    id: str = "default"
    host: str = key("host", kinds.TEXT, _HOST, example="gitea.example.com")
    organization: str = key("organization", kinds.TEXT, "Whose repositories.", example="acme")
    branch: str = key("branch", kinds.TEXT, "Their branch; main.", "main")
    catalog_path: str = key("catalogPath", kinds.TEXT, "Where catalog files are.", "catalog-info.yaml")
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=_NO_SCHEDULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GerritSettings:
    """Projects of a Gerrit that a query finds."""

    id: str = "default"
    host: str = key("host", kinds.TEXT, _HOST, example="gerrit.example.com")
    query: str = key("query", kinds.TEXT, "Query of Gerrit's list of projects.", example="state=ACTIVE&prefix=acme")
    branch: str | None = key("branch", kinds.TEXT, "Their branch; that of HEAD without it.", None)
    catalog_path: str = key("catalogPath", kinds.TEXT, "Where catalog files are.", "catalog-info.yaml")
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=_NO_SCHEDULE)
