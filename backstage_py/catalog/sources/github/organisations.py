"""The provider of ``catalog.providers.githubOrg``: users and groups of the members and teams of organisations.

Source of entities, names and requests: ``GithubMultiOrgEntityProvider`` of Backstage's module for GitHub. Where that
one changes single entities by what an event says, this one reads again: an event may be old, or the second of two.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog

from backstage_py import background, threads
from backstage_py.catalog.sources.github import people, queries
from backstage_py.catalog.sources.github.repository import named
from backstage_py.catalog.sources.shown import must_show
from backstage_py.errors import BackstageError, ForeignError
from backstage_py.integrations.github_graphql import GithubGraphql
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import entity_ref
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.catalog import Event, ProviderConnection
from backstage_py.plugin.organisations import OrganisationTransformer, Transformers
from backstage_py.settings.sections.github_providers import GithubOrgSettings

_TOPICS = ("github.installation", "github.membership", "github.organization", "github.team")
_PAUSE = 10.0  # times as long as a reading took: so much of the budget is left to others while events pour in
_log = structlog.get_logger(__name__)


class GithubOrgProvider:
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.
        is_alone: no other one is configured; with one organisation its groups are in the default namespace then.
        changes: what plugins make of its entities.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    def __init__(
        self,
        settings: GithubOrgSettings,
        http: HttpClient,
        hosts: ScmRegistry,
        *,
        is_alone: bool,
        changes: Sequence[OrganisationTransformer] = (),
    ) -> None:
        self.name = f"GithubMultiOrgEntityProvider:{settings.id}"
        self._settings = settings
        self._http = http
        self._hosts = hosts
        self._integration = hosts.of_kind("github", settings.host, "catalog.providers.githubOrg", settings.url)
        self._has_one_namespace = is_alone and len(settings.orgs) == 1
        self._changes = Transformers(changes, "githubOrg", settings.id)
        self._told = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def connect(self, connection: ProviderConnection) -> None:
        """Read by the schedule, and when something is told."""

        async def read() -> None:
            await self._read(connection)

        async def follow() -> None:
            await self._follow(connection)

        connection.on_schedule(self._settings.schedule, read)
        connection.on_events(_TOPICS, self.hear)
        name = f"catalog.provider {self.name}/told"
        self._following = asyncio.create_task(background.supervised(name, follow), name=name)

    async def close(self) -> None:
        """Stop."""
        if self._following:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None

    async def hear(self, event: Event) -> None:
        """Have all read again soon, if an event is about one of our organisations."""
        told = event.payload
        login = named(told, "organization", "login") or named(told, "installation", "account", "login")
        known = {one.lower() for one in await self._orgs()}
        if login and (login.lower() in known or not self._settings.orgs):
            self._told.set()

    async def _follow(self, connection: ProviderConnection) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            begun = time.monotonic()
            try:
                await self._read(connection)
            except BackstageError as error:
                _log.warning("github_organisations_not_read", provider=self.name, problem=error.message)
            await asyncio.sleep(_PAUSE * (time.monotonic() - begun))

    async def _read(self, connection: ProviderConnection) -> None:
        """Make all users and groups those of the provider.

        Raises:
            BackstageError: GitHub does not answer, or not in full; nothing is changed then.
        """
        users: dict[str, JsonObject] = {}
        groups: list[JsonObject] = []
        for org in await self._orgs():
            members, teams = await self._of_org(org)
            own = [users.setdefault(entity_ref.of(one), one) for one in members]
            people.connect(teams, own)
            groups += teams
        must_show(self._integration.host, "people or teams", [*users, *groups])
        found = [people.located(one, self._integration.host) for one in (*users.values(), *groups)]
        key = f"github-multi-org-provider:{self._settings.id}"
        await connection.apply_full(sorted(found, key=people.order), location_key=key)
        _log.info("github_organisations_read", provider=self.name, users=len(users), groups=len(groups))

    async def _orgs(self) -> Sequence[str]:
        return self._settings.orgs or await self._hosts.credentials.organisations(self._integration)

    async def _of_org(self, org: str) -> tuple[list[JsonObject], list[JsonObject]]:
        token = await self._hosts.credentials.token(self._integration, org)
        if not token:
            raise ForeignError(f"There are no credentials for the organisation {org}; see integrations.github")
        asked = self._settings
        client = GithubGraphql(self._http, self._hosts.credentials, self._integration, org)
        records = await self._members(client, org, with_email=token == self._integration.token)
        members = [(people.user(one, uses_verified=asked.uses_verified_emails), one) for one in records]
        namespace = None if self._has_one_namespace else org.lower()
        teams = [(people.group(team, its, namespace), team) for team, its in await self._teams(client, org)]
        return await threads.offload(people.transformed, members, teams, self._changes)

    async def _members(self, client: GithubGraphql, org: str, *, with_email: bool) -> list[JsonObject]:
        asked = {"org": org, "email": with_email, "organizationMembersPageSize": self._settings.members}
        query = queries.users(with_suspended=self._settings.excludes_suspended)
        pages = client.pages(query, asked, lambda data: (data.get("organization") or {}).get("membersWithRole"))
        return [one async for nodes in pages for one in nodes if not one.get("suspendedAt")]

    async def _teams(self, client: GithubGraphql, org: str) -> list[tuple[JsonObject, list[JsonObject]]]:
        asked = {"org": org, "teamsPageSize": self._settings.teams, "membersPageSize": self._settings.team_members}
        pages = client.pages(queries.TEAMS, asked, lambda data: (data.get("organization") or {}).get("teams"))
        return [(team, await self._of_team(client, org, team)) async for nodes in pages for team in nodes]

    async def _of_team(self, client: GithubGraphql, org: str, team: JsonObject) -> list[JsonObject]:
        if not team["members"]["pageInfo"]["hasNextPage"]:
            found: list[JsonObject] = team["members"]["nodes"]
            return found
        asked = {"org": org, "teamSlug": team["slug"], "membersPageSize": self._settings.team_members}
        return [one async for nodes in client.pages(queries.TEAM_MEMBERS, asked, _members_of) for one in nodes]


def _members_of(data: JsonObject) -> Json:
    return ((data.get("organization") or {}).get("team") or {}).get("members")
