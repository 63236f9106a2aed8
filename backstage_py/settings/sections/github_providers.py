"""``catalog.providers.github`` and ``githubOrg``: organisations on GitHub, by their repositories and by their people.

The keys are those of ``@backstage/plugin-catalog-backend-module-github`` and ``…-github-org``.
"""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from backstage_py.js import regex
from backstage_py.settings import kinds
from backstage_py.settings.description import Key, key
from backstage_py.settings.reading import Reader
from backstage_py.settings.schedules import SCHEDULE, Schedule

_PAGE = kinds.whole(least=1, most=100)
_EVERY_3_HOURS = Schedule(every=3 * 3600.0, timeout=3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubSettings:
    """Repositories with catalog files.

    Attributes:
        id: name of the provider.
        organization: whose repositories; those of all installations of ``app`` without it.
        visibility: in lower case.
    """

    id: str = "default"
    host: str = key("host", kinds.TEXT, "The host as in URLs; github.com by default.", "github.com")
    organization: str | None = key("organization", kinds.TEXT, "Whose repositories.", None)
    app: int | None = key("app", kinds.whole(least=1), "Id of a GitHub App: those of all its organisations.", None)
    catalog_path: str = key(
        "catalogPath", kinds.TEXT, "Where catalog files are; may have * and **.", "/catalog-info.yaml"
    )
    validates: bool = key("validateLocationsExist", kinds.SWITCH, "Only repositories that have the file.", False)
    branch: str | None = key("filters.branch", kinds.TEXT, "Their branch; the default one without it.", None)
    repository: str | None = key(
        "filters.repository", kinds.TEXT, "A regular expression for the whole name of a repository.", None
    )
    allow_forks: bool = key("filters.allowForks", kinds.SWITCH, "Forks, too; true by default.", True)
    allow_archived: bool = key("filters.allowArchived", kinds.SWITCH, "Archived ones, too.", False)
    topics: tuple[str, ...] = key("filters.topic.include", kinds.TEXTS, "With any of these topics.", ())
    no_topics: tuple[str, ...] = key("filters.topic.exclude", kinds.TEXTS, "Without these topics; is stronger.", ())
    visibility: tuple[str, ...] = key("filters.visibility", kinds.TEXTS, "private, internal, public.", ())
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read; every 3 hours.", _EVERY_3_HOURS)
    page: int = key("pageSizes.repositories", _PAGE, "Repositories of a page; 25 by default.", 25)

    def checked(self, section: Reader) -> "GithubSettings":
        """Refuse what cannot be meant, as Backstage does."""
        if not self.organization and not self.app:
            section.fail("organization", "is missing; expected an organization, or an app")
        if self.validates and "*" in self.catalog_path:
            section.fail("validateLocationsExist", f"does not go with the wildcard of catalogPath {self.catalog_path}")
        if self.branch and "/" in self.branch:
            section.fail("filters.branch", f"must have no slash, found '{self.branch}'")
        if self.repository:
            try:
                regex.tester(self.repository)
            except regex.PatternError as error:
                section.fail("filters.repository", str(error))
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubOrgSettings:
    """Users and teams.

    Attributes:
        url: root of the host.
        orgs: whose; those of all installations of the host's Apps when empty.
    """

    id: str = key("id", kinds.TEXT, "Name of the provider.", example="production")
    url: str = key("githubUrl", kinds.URL, "The host.", example="https://github.com")
    orgs: tuple[str, ...] = key("orgs", kinds.TEXTS, "Organisations; all of the host's Apps without it.", ())
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing="is missing; expected a schedule")
    teams: int = key("pageSizes.teams", _PAGE, "Teams of a page; 25.", 25)
    team_members: int = key("pageSizes.teamMembers", _PAGE, "Members of a team; 50.", 50)
    members: int = key("pageSizes.organizationMembers", _PAGE, "Members of a page; 50.", 50)
    excludes_suspended: bool = key("excludeSuspendedUsers", kinds.SWITCH, "Leave out who is suspended.", False)
    uses_verified_emails: bool = key(
        "defaultUserTransformer.useVerifiedEmails", kinds.SWITCH, "Addresses of domains that are verified.", False
    )

    also: ClassVar = (
        Key(
            "experimental_checkForSuspendedUsersWithRest",
            without_effect="who is suspended is asked for along with the members, of GitHub Enterprise Server",
        ),
    )

    @property
    def host(self) -> str:
        """The host as in URLs."""
        return urlsplit(self.url).netloc
