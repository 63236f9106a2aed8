"""A workspace of Bitbucket Cloud and a Bitbucket Server, and the configurations with which their files are found."""

import re
from typing import Any
from urllib.parse import unquote

from backstage_py.catalog.sources.git_hosts.bitbucket_cloud import BitbucketCloudProvider
from backstage_py.catalog.sources.git_hosts.bitbucket_server import BitbucketServerProvider
from backstage_py.model.scm import ScmIntegration
from tests.directories.api_host import Answer, ApiHost, Asked
from tests.git_hosts.cases import TOKEN, Case, Kind

_PAGE = 2
_BASIC = "Basic YWRhOnQwa2Vu"
_CLOUD = "https://bitbucket.org"
_API = "/2.0"

_FILES = [
    ("WEB", "shop", "catalog-info.yaml", "main"),
    ("WEB", "blog", "catalog-info.yaml", None),
    ("WEB", "blog", "docs/catalog-info.yaml", None),
    ("API", "orders", "catalog-info.yaml", "trunk"),
    ("API", "none", None, "main"),
]


def _file(project: str, name: str, path: str | None, branch: str | None) -> dict[str, Any]:
    links = {"html": {"href": f"{_CLOUD}/acme/{name}"}}
    repository: dict[str, Any] = {"slug": name, "project": {"key": project}, "links": links}
    if branch:
        repository["mainbranch"] = {"name": branch}
    return {
        "path_matches": [{"text": path}] if path else [],
        "file": {"path": path or "x", "commit": {"repository": repository}},
    }


def _linked(host: ApiHost, asked: Asked, found: list[Any]) -> Answer:
    page = int(asked.query["page"])
    answer: dict[str, Any] = {"values": found[(page - 1) * _PAGE : page * _PAGE]}
    if len(found) > page * _PAGE:
        answer["next"] = f"{host.url}{asked.path}?page={page + 1}&search_query={asked.query.get('search_query', '')}"
    return 200, answer


def cloud(host: ApiHost, asked: Asked) -> Answer:
    """Answer as Bitbucket Cloud does; the repository ``shop`` is called ``store`` when it was renamed."""
    if asked.headers.get("authorization") != _BASIC:
        return 401, {"type": "error"}
    if asked.path == f"{_API}/workspaces/acme/projects":
        return _linked(host, asked, [{"key": one} for one in ("WEB", "API", "EMPTY")])
    if asked.path == f"{_API}/workspaces/acme/search/code":
        query = asked.query["search_query"]
        key = re.search(r" project:(\S+)", query)
        name = re.search(r" repo:(\S+)", query)
        files = [one for one in _FILES if not key or one[0] == key[1]]
        if name:
            renamed = {"store": "shop"}.get(name[1], name[1])
            files = [(one[0], name[1], *one[2:]) for one in files if one[1] == renamed]
            files = files[:1] if name[1] == "blog" else files
        return _linked(host, asked, [_file(*one) for one in files])
    return 404, {"type": "error"}


def _event(name: str, project: str, workspace: str = "acme") -> dict[str, Any]:
    links = {"html": {"href": f"{_CLOUD}/{workspace}/{name}"}}
    about = {"workspace": {"slug": workspace}, "project": {"key": project}, "links": links}
    return {"repository": {"full_name": f"{workspace}/{name}", **about}}


_OLD = {"links": {"old": {"html": {"href": f"{_CLOUD}/acme/shop"}}}}

CLOUD = Kind(
    name="bitbucketCloud",
    module="@backstage/plugin-catalog-backend-module-bitbucket-cloud",
    providers=("BitbucketCloudEntityProvider",),
    integrations=lambda _: {"bitbucketCloud": [{"username": "ada", "token": TOKEN}]},
    integration=lambda url: [
        ScmIntegration("bitbucketCloud", "bitbucket.org", "", f"{url}{_API}", None, TOKEN, {"username": "ada"})
    ],
    world=cloud,
    make=BitbucketCloudProvider,
    defaults={"workspace": "acme"},
    hosts={"https://api.bitbucket.org/2.0": _API},
    cases=(
        Case(
            "a workspace",
            {},
            [
                ("bitbucketCloud.repo:push", _event("orders", "API")),
                ("bitbucketCloud.repo:push", _event("blog", "WEB")),
                ("bitbucketCloud.repo:push", _event("orders", "API", "others")),
                ("bitbucketCloud.repo:updated", {**_event("store", "WEB"), "changes": _OLD}),
                ("bitbucketCloud.repo:updated", {**_event("orders", "API"), "changes": {}}),
            ],
        ),
        Case("filters", {"filters": {"projectKey": "W.*", "repoSlug": "(shop|b)"}, "pagelen": 7}),
        Case("elsewhere", {"catalogPath": "/docs/*.yaml", "filters": {"repoSlug": "^blog$"}}),
    ),
)

_SERVER = "bitbucket.example"
_REST = "/rest/api/1.0"
_PROJECTS = {"WEB": ["shop", "blog", "old"], "API": ["orders"], "TOOLS": []}
_BRANCHES = {"shop": "main", "orders": "trunk"}


def _repository(host: ApiHost, project: str, name: str) -> dict[str, Any]:
    links = {"self": [{"href": f"{host.url}/projects/{project}/repos/{name}/browse"}]}
    found: dict[str, Any] = {"slug": name, "project": {"key": project}, "links": links, "archived": name == "old"}
    if name in _BRANCHES:
        found["defaultBranch"] = _BRANCHES[name]
    return found


def _started(asked: Asked, found: list[Any]) -> Answer:
    start = int(asked.query.get("start", "0"))
    is_last = start + _PAGE >= len(found)
    page = {"values": found[start : start + _PAGE], "isLastPage": is_last}
    return 200, page if is_last else {**page, "nextPageStart": start + _PAGE}


def server(host: ApiHost, asked: Asked) -> Answer:
    """Answer as Bitbucket Server does."""
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return 401, {}
    match [unquote(one) for one in asked.path.removeprefix(f"{_REST}/").split("/")]:
        case ["projects"]:
            return _started(asked, [{"key": one} for one in _PROJECTS])
        case ["projects", project, "repos"]:
            return _started(asked, [_repository(host, project, one) for one in _PROJECTS[project]])
        case ["projects", project, "repos", name] if name in _PROJECTS.get(project, ()):
            return 200, _repository(host, project, name)
        case ["projects", _, "repos", _, "default-branch"]:
            return 200, {"id": "refs/heads/develop", "displayId": "develop"}
        case ["projects", _, "repos", name, "raw", *path]:
            return (200, b"kind: Component") if name != "blog" and path == ["catalog-info.yaml"] else (404, {})
    return 404, {}


def _pushed(project: str, name: str, branch: str) -> tuple[str, Any]:
    repository = {"slug": name, "project": {"key": project}}
    changes = [{"ref": {"id": f"refs/heads/{branch}", "displayId": branch}}]
    return "bitbucketServer.repo:refs_changed", {"repository": repository, "changes": changes}


SERVER = Kind(
    name="bitbucketServer",
    module="@backstage/plugin-catalog-backend-module-bitbucket-server",
    providers=("BitbucketServerEntityProvider",),
    integrations=lambda url: {"bitbucketServer": [{"host": _SERVER, "apiBaseUrl": f"{url}{_REST}", "token": TOKEN}]},
    integration=lambda url: [ScmIntegration("bitbucketServer", _SERVER, "", f"{url}{_REST}", None, TOKEN, {})],
    world=server,
    make=BitbucketServerProvider,
    defaults={"host": _SERVER},
    cases=(
        Case("everything", {}),
        Case(
            "filters",
            {"filters": {"projectKey": "^(WEB|API)$", "repoSlug": "o", "skipArchivedRepos": True}},
        ),
        Case("with the file", {"validateLocationsExist": True, "catalogPath": "/catalog-info.yaml"}),
    ),
)
