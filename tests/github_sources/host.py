"""GitHub as far as the catalog reads it: GraphQL by GitHub's own schema, files by ETag, a budget of requests.

Each request is kept, so that two clients can be compared by what they sent.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync, parse, print_ast

from tests.github_sources.trim import TRIMMED

CATALOG_FILE = "catalog-info.yaml"
TOKEN = "of-the-test"  # of this host
Refusal = Callable[["Asked"], web.Response | None]


def component(name: str) -> str:
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\n"
        "spec: {type: service, lifecycle: production, owner: team-a}\n"
    )


@dataclass
class Repo:
    """A repository; ``files`` are those of its default branch, by path, and ``links`` lead from some to others."""

    owner: str
    name: str
    files: dict[str, str] = field(default_factory=dict)
    branch: str | None = "main"
    topics: tuple[str, ...] = ()
    is_archived: bool = False
    is_fork: bool = False
    visibility: str = "PUBLIC"
    links: dict[str, str] = field(default_factory=dict)


@dataclass
class Person:
    login: str
    name: str | None = None
    bio: str | None = None
    email: str = ""
    verified: tuple[str, ...] = ()


@dataclass
class Team:
    slug: str
    name: str
    members: list[str] = field(default_factory=list)
    parent: str | None = None
    description: str | None = None


@dataclass
class Org:
    login: str
    repos: dict[str, Repo] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request; a query is written as GraphQL prints it."""

    method: str
    path: str
    query: str | None
    variables: Any
    headers: Mapping[str, str]


@dataclass
class GithubHost:
    """A running host.

    Attributes:
        budget: requests that are left in this hour; 304 costs nothing, as on GitHub.
        refusal: answers in its place when it returns something.
    """

    url: str = ""
    orgs: dict[str, Org] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    budget: int = 5000
    unchanged: int = 0
    app: dict[str, Any] | None = None
    refusal: Refusal = lambda _: None
    schema: GraphQLSchema = field(default_factory=lambda: build_schema(TRIMMED.read_text(encoding="utf-8")))

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def integration(self) -> dict[str, Any]:
        known = {"apps": [self.app]} if self.app else {"token": TOKEN}
        return {"host": self.host, "apiBaseUrl": f"{self.url}/api/v3", **known}

    def org(self, login: str) -> Org:
        return self.orgs.setdefault(login.lower(), Org(login))

    def repo(self, full_name: str, **values: Any) -> Repo:
        """Make a repository, with a catalog file of its name unless ``files`` are given."""
        owner, _, name = full_name.partition("/")
        values.setdefault("files", {CATALOG_FILE: component(name)})
        made = self.org(owner).repos[name] = Repo(owner, name, **values)
        return made

    def queries(self) -> list[tuple[str, Any]]:
        """Return the GraphQL requests, each as its query and variables."""
        return [(one.query, one.variables) for one in self.asked if one.query is not None]

    def files(self) -> list[str]:
        """Return the paths of the other requests."""
        return [one.path for one in self.asked if one.query is None]

    # what GraphQL resolves

    def _owner(self, login: str) -> dict[str, Any] | None:
        org = self.orgs.get(login.lower())
        if org is None:
            return None
        return {
            "__typename": "Organization",
            "id": f"O_{org.login}",
            "login": org.login,
            "repositories": lambda _, **asked: _page(list(org.repos.values()), asked, self._repository),
            "repository": lambda _, name, **__: self._repository(org.repos[name]) if name in org.repos else None,
            "membersWithRole": lambda _, **asked: _page(list(org.people.values()), asked, self._person),
            "teams": lambda _, **asked: _page(list(org.teams.values()), asked, lambda one: self._team(org, one)),
            "team": lambda _, slug: self._team(org, org.teams[slug]) if slug in org.teams else None,
        }

    def _repository(self, repo: Repo) -> dict[str, Any]:
        def find(_: Any, expression: str, **__: Any) -> Any:
            ref, _, path = expression.partition(":")
            if repo.branch is None or ref not in {"HEAD", repo.branch}:
                return None
            if path in repo.files:
                return {"__typename": "Blob", "id": f"B_{repo.name}_{path}", "text": repo.files[path]}
            is_folder = any(one.startswith(f"{path}/") for one in repo.files)
            return {"__typename": "Tree", "id": f"T_{repo.name}_{path}"} if is_folder else None

        return {
            "name": repo.name,
            "url": f"{self.url}/{repo.owner}/{repo.name}",
            "isArchived": repo.is_archived,
            "isFork": repo.is_fork,
            "visibility": repo.visibility,
            "defaultBranchRef": {"name": repo.branch} if repo.branch else None,
            "repositoryTopics": {"nodes": [{"id": f"RT_{one}", "topic": {"name": one}} for one in repo.topics]},
            "object": find,
        }

    def _person(self, person: Person) -> dict[str, Any]:
        return {
            "__typename": "User",
            "id": f"U_{person.login}",
            "login": person.login,
            "name": person.name,
            "bio": person.bio,
            "email": person.email,
            "avatarUrl": f"{self.url}/{person.login}.png",
            "organizationVerifiedDomainEmails": lambda _, login: list(person.verified),
        }

    def _team(self, org: Org, team: Team) -> dict[str, Any]:
        return {
            "slug": team.slug,
            "combinedSlug": f"{org.login}/{team.slug}",
            "name": team.name,
            "description": team.description,
            "avatarUrl": f"{self.url}/t/{team.slug}.png",
            "editTeamUrl": f"{self.url}/orgs/{org.login}/teams/{team.slug}/edit",
            "parentTeam": {"slug": team.parent} if team.parent else None,
            "members": lambda _, **asked: _page(
                team.members, asked, lambda one: self._person(org.people.get(one, Person(one)))
            ),
        }

    # what is asked over HTTP

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.path.removeprefix("/api")
        told = json.loads(body) if body and path.endswith("/graphql") else None
        query = print_ast(parse(told["query"])) if told else None
        variables = (told.get("variables") or {}) if told else None
        asked = Asked(request.method, path, query, variables, dict(request.headers))
        self.asked.append(asked)
        if (refused := self.refusal(asked)) is not None:
            return refused
        if self.budget <= 0:
            return self._limited()
        found = self._graphql(told) if told else self._app(path) or self._file(request, path)
        if found.status == 304:  # not modified
            self.unchanged += 1
        else:
            self.budget -= 1
        found.headers.update(self._rate())
        return found

    def _rate(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": str(self.budget),
            "x-ratelimit-reset": "4000000000",
        }

    def _limited(self) -> web.Response:
        words = {"message": "API rate limit exceeded"}
        return web.json_response(words, status=403, headers=self._rate())

    def _graphql(self, told: Any) -> web.Response:
        root = {
            "repositoryOwner": lambda _, login: self._owner(login),
            "organization": lambda _, login: self._owner(login),
        }
        result = graphql_sync(self.schema, told["query"], root, variable_values=told.get("variables"))
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_shown(one) for one in result.errors]
        return web.json_response(answer)

    def _app(self, path: str) -> web.Response | None:
        """Answer for a GitHub App that all organisations have installed, and a user."""
        if path.endswith("/app/installations"):
            accounts = [(org.login, "Organization") for org in self.orgs.values()]
            listed = [
                {"id": number, "account": {"login": login}, "target_type": kind, "suspended_by": None}
                for number, (login, kind) in enumerate([*accounts, ("somebody", "User")], 1)
            ]
            return web.json_response(listed)
        if path.endswith("/access_tokens"):
            made = {"token": f"of-{path.split('/')[-2]}", "expires_at": "2099-01-01T00:00:00Z", "permissions": {}}
            return web.json_response(made, status=201)
        return None

    def _file(self, request: web.Request, path: str) -> web.Response:
        _, _, kind, *rest = path.split("/")
        owner, name, what, *inner = rest if kind == "repos" else (*rest, "", "", "")[:3]
        repo = self.orgs.get(owner.lower(), Org(owner)).repos.get(name)
        wanted = "/".join(inner)
        text = repo.files.get(repo.links.get(wanted, wanted)) if repo and what == "contents" else None
        if text is None:
            return web.json_response({"message": "Not Found"}, status=404)
        etag = f'"{hashlib.sha256(text.encode()).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return web.Response(status=304, headers={"etag": etag})
        return web.Response(text=text, headers={"etag": etag})


def _page(nodes: list[Any], asked: dict[str, Any], make: Callable[[Any], Any]) -> dict[str, Any]:
    start = int(asked.get("after") or 0)
    end = start + asked["first"]
    more = end < len(nodes)
    shown = [make(one) for one in nodes[start:end]]
    return {"nodes": shown, "pageInfo": {"hasNextPage": more, "endCursor": str(end) if more else None}}


def _shown(error: GraphQLError) -> dict[str, Any]:
    return {"message": error.message, "path": error.path}


@asynccontextmanager
async def running() -> AsyncIterator[GithubHost]:
    """Serve a host on loopback until the block is left."""
    host = GithubHost()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", host.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    host.url = f"http://127.0.0.1:{port}"
    try:
        yield host
    finally:
        await runner.cleanup()
