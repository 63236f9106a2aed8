"""A GitLab with groups, projects and people, and the configurations with which its catalog files are found."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from backstage_py.catalog.sources.git_hosts.gitlab import GitlabProvider
from backstage_py.catalog.sources.git_hosts.gitlab_org import GitlabOrgProvider
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.organisations import Transformers
from tests.directories.api_host import Answer, ApiHost, Asked
from tests.git_hosts.cases import TOKEN, Case, Kind

_PAGE = 2
_HOST = "gitlab.example"
_FILES = {1: {"catalog-info.yaml"}, 2: {"catalog-info.yaml", "docs/entity.yaml"}, 3: {"catalog-info.yaml"}}
_FILES |= {4: {"catalog-info.yaml"}, 5: {"catalog-info.yaml"}}


def _project(number: int, path: str, branch: str | None = "main", **more: Any) -> dict[str, Any]:
    return {"id": number, "path_with_namespace": path, "default_branch": branch, "topics": [], **more}


PROJECTS = [
    _project(1, "acme/web", topics=["a", "b"]),
    _project(2, "acme/sub/api", None),
    _project(3, "acme/old", archived=True),
    _project(4, "acme/fork", forked_from_project={"id": 1}),
    _project(5, "other/x", "trunk"),
    _project(6, "acme/nofile"),
]


def _group(number: int, path: str, parent: int | None = None, **more: Any) -> dict[str, Any]:
    name = path.rpartition("/")[2].title()
    return {"id": number, "full_path": path, "name": name, "parent_id": parent, "description": "", **more}


GROUPS = [
    _group(1, "acme", description="Everybody", visibility="public"),
    _group(2, "acme/sub", 1, visibility="private"),
    _group(3, "acme/sub/deep", 2, visibility="private"),
    _group(4, "acme/empty", 1, visibility="private"),
    _group(5, "other", visibility="internal"),
]


def _user(number: int, login: str, **more: Any) -> dict[str, Any]:
    shown = {"name": login.title(), "web_url": f"https://{_HOST}/{login}", "avatar_url": f"https://{_HOST}/{login}.png"}
    return {"id": number, "username": login, "state": "active", "email": f"{login}@acme.example", **shown, **more}


USERS = [
    _user(1, "ada", is_using_seat=True, group_saml_identity={"extern_uid": "x1"}),
    _user(2, "bob", email=None, avatar_url=None, is_using_seat=True),
    _user(3, "gone", state="blocked"),
    _user(4, "eve", name="", email="eve@other.example"),
    _user(5, "group_1_bot_x2"),
]
MEMBERS = {"acme": [1, 2, 4], "acme/sub": [1, 3], "acme/sub/deep": [2], "other": [4]}
_BY_ID = {one["id"]: one for one in USERS}


def _paged(asked: Asked, found: list[Any]) -> Answer:
    page = int(asked.query.get("page", "1"))
    rest = len(found) > page * _PAGE
    return 200, found[(page - 1) * _PAGE : page * _PAGE], {"x-next-page": str(page + 1) if rest else ""}


def _graphql(asked: Asked) -> Answer:
    """Pages of one, by the number of the first."""
    variables, query = asked.body["variables"], asked.body["query"]
    path, at = variables["group"], int(variables.get("endCursor") or 0)
    if "descendantGroups" in query:
        found: list[Any] = [_shown_group(one) for one in GROUPS if one["full_path"].startswith(f"{path}/")]
        field = "descendantGroups"
    else:
        found = [{"user": _shown_user(_BY_ID[one])} for one in MEMBERS.get(path, ())]
        found += [{"user": None}] if "INHERITED" in variables["relations"] else []
        field = "groupMembers"
    info = {"endCursor": str(at + 1), "hasNextPage": at + 1 < len(found)}
    group = None if path == "acme/empty" else {field: {"nodes": found[at : at + 1], "pageInfo": info}}
    return 200, {"data": {"group": group}}


def _shown_group(one: dict[str, Any]) -> dict[str, Any]:
    shown = {name: one[name] for name in ("name", "description", "visibility")}
    ids = {"id": f"gid://gitlab/Group/{one['id']}", "parent": {"id": f"gid://gitlab/Group/{one['parent_id']}"}}
    return {**shown, **ids, "fullPath": one["full_path"]}


def _shown_user(one: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"gid://gitlab/User/{one['id']}", "username": one["username"], "name": one["name"]}


def _projects(host: ApiHost, asked: Asked, group: str) -> list[Any]:
    topics = set(filter(None, asked.query.get("topic", "").split(",")))
    found = [
        one
        for one in PROJECTS
        if one["path_with_namespace"].startswith(f"{group}/" if group else "")
        and not (asked.query.get("archived") == "false" and one.get("archived"))
        and topics <= {*one["topics"]}
        and not (asked.query.get("membership") == "true" and one["id"] > 1)
    ]
    return [_web(host, one) for one in found]


def _web(host: ApiHost, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "web_url": f"{host.url}/{one['path_with_namespace']}"}


def _one(found: list[dict[str, Any]], id_: str, name: str) -> Answer:
    one = next((one for one in found if id_ in {str(one["id"]), one.get(name)}), None)
    return (200, one) if one else (404, {"message": "404 Not found"})


def handle(host: ApiHost, asked: Asked) -> Answer:
    """Answer as GitLab does."""
    if asked.headers.get("authorization") != f"Bearer {TOKEN}" and asked.headers.get("private-token") != TOKEN:
        return 401, {"message": "401 Unauthorized"}
    if asked.path == "/api/graphql":
        return _graphql(asked)
    parts = [unquote(one) for one in asked.path.removeprefix("/api/v4/").split("/")]
    match parts:
        case ["projects"]:
            return _paged(asked, _projects(host, asked, ""))
        case ["groups"]:
            return _paged(asked, GROUPS)
        case ["users"] | ["users", ""]:
            return _paged(asked, USERS)
        case ["users", id_]:
            return _one(USERS, id_, "username")
        case ["groups", id_]:
            return _one(GROUPS, id_, "full_path")
        case ["groups", group, "projects"]:
            return _paged(asked, _projects(host, asked, group))
        case ["groups", _, "search"]:
            files = [{"project_id": 1, "ref": "main", "path": "x/catalog-info.yaml"}, {"project_id": 5, "ref": "t"}]
            return _paged(asked, [{"path": "catalog-info.yaml", **one} for one in files])
        case ["groups", group, "members", "all"]:
            path = next((one["full_path"] for one in GROUPS if str(one["id"]) == group), group)
            return _paged(asked, [_BY_ID[one] for one in (*MEMBERS.get(path, ()), *([5] if path == "acme" else []))])
        case ["groups", group, "members", "all", id_]:
            return (200, {"id": int(id_)}) if int(id_) in MEMBERS[group] else (404, {})
        case ["projects", id_, "repository", "files", path]:
            known = path in _FILES.get(int(id_), ()) and asked.query["ref"] in {"main", "master", "trunk", "dev"}
            return (200, {}) if known else (404, {})
        case ["projects", id_]:
            return _one([_web(host, one) for one in PROJECTS], id_, "path_with_namespace")
    return 404, {"message": "404 Not found"}


def _push(project: int, ref: str, **files: Any) -> tuple[str, Any]:
    one = next(one for one in PROJECTS if one["id"] == project)
    commit = {"added": [], "removed": [], "modified": [], **files}
    about = {**one, "web_url": f"<host>/{one['path_with_namespace']}"}
    told = {"event_name": "push", "ref": f"refs/heads/{ref}", "project_id": project, "project": about}
    return "gitlab.push", {**told, "commits": [commit], "total_commits_count": 1}


def _changed(what: str, **told: Any) -> tuple[str, Any]:
    return f"gitlab.{what}", {"event_name": what, **told}


_PUSHES = [
    _push(1, "main", modified=["catalog-info.yaml", "README.md"]),
    _push(1, "other", removed=["catalog-info.yaml"]),
    _push(1, "main", removed=["catalog-info.yaml"]),
    _push(2, "master", added=["catalog-info.yaml", "docs/x.md"]),
    _push(6, "main", added=["catalog-info.yaml"]),
    _push(5, "trunk", added=["catalog-info.yaml"]),
]
_OF_ORG = [
    _changed("user_destroy", user_id=2, username="bob", email="", name="Bob"),
    _changed("user_create", user_id=2, username="bob"),
    _changed("group_destroy", group_id=3, full_path="acme/sub/deep", name="Deep"),
    _changed("group_create", group_id=3, full_path="acme/sub/deep", name="Deep"),
    _changed("group_rename", group_id=3, full_path="acme/sub/deep", old_full_path="acme/sub/shallow", name="Deep"),
    _changed("user_add_to_group", group_id=2, user_id=1),
    _changed("user_remove_from_group", group_id=5, user_id=1),
]

CASES = (
    Case("a group", {"group": "acme"}, _PUSHES),
    Case("everything", {}, _PUSHES[-1:]),
    Case("branches and names", {"group": "acme", "branch": "dev", "entityFilename": "docs/entity.yaml"}),
    Case("with a fallback", {"fallbackBranch": "trunk", "includeArchivedRepos": True, "projectPattern": "(api|old)$"}),
    Case("no forks", {"group": "acme", "skipForkedRepos": True, "excludeRepos": ["acme/web"]}),
    Case("topics and membership", {"topics": ["a", "b"], "membership": True}),
    Case("groups by pattern", {"groupPattern": ["^acme/sub", "^other$"]}),
    Case("searched", {"group": "acme", "useSearch": True, "groupPattern": "acme"}),
    Case("people of a server", {"orgEnabled": True}, is_org=True),
    Case(
        "people of a group", {"orgEnabled": True, "group": "acme", "restrictUsersToGroup": True}, _OF_ORG, is_org=True
    ),
    Case(
        "people by pattern",
        {"orgEnabled": True, "userPattern": "@acme", "groupPattern": ["acme", "x"], "relations": ["INHERITED"]},
        is_org=True,
    ),
    Case("people of the cloud", {"host": "gitlab.com", "orgEnabled": True, "group": "acme"}, is_org=True),
    Case(
        "people without a seat",
        {"host": "gitlab.com", "orgEnabled": True, "group": "acme/sub", "includeUsersWithoutSeat": True},
        is_org=True,
    ),
)


def _make(settings: Any, http: HttpClient, hosts: ScmRegistry) -> ScheduledProvider:
    if settings.is_org:
        return GitlabOrgProvider(settings, http, hosts, Transformers())
    return GitlabProvider(settings, http, hosts)


def _entry(url: str, host: str) -> dict[str, Any]:
    return {"host": host, "apiBaseUrl": f"{url}/api/v4", "baseUrl": url, "token": TOKEN}


def _integration(host: str) -> Callable[[str], ScmIntegration]:
    return lambda url: ScmIntegration("gitlab", host, host, f"{url}/api/v4", None, TOKEN, {"baseUrl": url})


KIND = Kind(
    name="gitlab",
    module="@backstage/plugin-catalog-backend-module-gitlab",
    providers=("GitlabDiscoveryEntityProvider", "GitlabOrgDiscoveryEntityProvider"),
    integrations=lambda url: {"gitlab": [_entry(url, _HOST), _entry(url, "gitlab.com")]},
    integration=lambda url: [_integration(one)(url) for one in (_HOST, "gitlab.com")],
    world=handle,
    make=_make,
    cases=CASES,
    defaults={"host": _HOST},
)
