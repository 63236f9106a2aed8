"""Repositories: creating, showing, changing, deleting."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, Fields, answer, nothing, route
from backstage_py.sandbox.gitrepo import changes, objects, refs
from backstage_py.sandbox.gitrepo.changes import Change
from backstage_py.sandbox.gitrepo.objects import Signature
from backstage_py.sandbox.host import Host
from backstage_py.sandbox.problems import NotFound, Unprocessable, invalid_field
from backstage_py.sandbox.records import SETTINGS, Repository, now
from backstage_py.sandbox.rest import accounts, links
from backstage_py.sandbox.store import RepositoryExistsError

_PERMISSIONS: Final = {"admin": True, "maintain": True, "push": True, "triage": True, "pull": True}
_NO_PERMISSIONS: Final = {"admin": False, "maintain": False, "push": False, "triage": False, "pull": True}
_ZEROS: Final = ("forks", "forks_count", "stargazers_count", "watchers", "watchers_count")


def minimal(host: Host, repository: Repository, login: str | None) -> JsonObject:
    """Return a repository in the shape that other objects embed (``minimal-repository``)."""
    page = links.repository_page(host.settings, repository)
    clone = f"{page}.git"
    shown = {key: value for key, value in repository.settings.items() if not key.startswith(("allow", "squash"))}
    return {
        "id": links.number("repository", repository.full_name, repository.created_at),
        "node_id": links.node("R", repository.full_name, repository.created_at),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "visibility": repository.visibility,
        "owner": accounts.simple(host, repository.owner),
        "html_url": page,
        "url": links.repository_api(host.settings, repository),
        **links.repository_templates(host.settings, repository),
        "clone_url": clone,
        # there is one way to clone; the other members exist because clients read them
        "git_url": clone,
        "svn_url": page,
        "ssh_url": f"git@{host.settings.authority}:{repository.full_name}.git",
        "mirror_url": None,
        "fork": False,
        "default_branch": repository.default_branch,
        "topics": list(repository.topics),
        **shown,
        "has_pages": bool(repository.book("pages")),
        "has_downloads": True,
        "disabled": False,
        "size": host.store.size_in_kib(repository),
        "language": None,
        "license": None,
        **dict.fromkeys(_ZEROS, 0),
        "open_issues": _open_issues(repository),
        "open_issues_count": _open_issues(repository),
        "created_at": repository.created_at,
        "updated_at": repository.updated_at,
        "pushed_at": repository.pushed_at or repository.created_at,
        "permissions": dict(_PERMISSIONS if login else _NO_PERMISSIONS),
    }


def full(call: Call, repository: Repository) -> JsonObject:
    """Return a repository as ``/repos/<owner>/<name>`` shows it (``full-repository``)."""
    owner = accounts.simple(call.host, repository.owner)
    organisation = {"organization": owner} if owner["type"] == "Organization" else {}
    return (
        minimal(call.host, repository, call.login)
        | repository.settings
        | organisation
        | {
            "network_count": 0,
            "subscribers_count": 0,
        }
    )


async def commit_files(call: Call, repository: Repository, files: dict[str, bytes], message: str, branch: str) -> str:
    """Commit whole files to a branch and return the commit."""
    bare = call.bare(repository)
    login = call.caller()
    author = Signature(login, f"{login}@users.noreply.{call.host.settings.authority}", now())
    parent = await refs.commit_of(bare, f"refs/heads/{branch}")
    made = [Change(path, await objects.write_blob(bare, content)) for path, content in files.items()]
    commit = await changes.commit(bare, branch, parent, made, message, author)
    await call.change(repository, Repository.pushed)
    return commit


def _open_issues(repository: Repository) -> int:
    return sum(each["state"] == "open" for each in repository.book("issues").values())


def _visibility(fields: Fields, current: str = "public") -> tuple[bool, str]:
    private = fields.flag("private", default=current != "public")
    visibility = fields.text("visibility", "private" if private else "public")
    if visibility not in {"public", "private", "internal"}:
        raise invalid_field("Repository", "visibility", "visibility must be public, private or internal")
    return visibility != "public", visibility


def _settings(fields: Fields) -> JsonObject:
    given = {key: value for key, value in fields.data.items() if key in SETTINGS and value is not None}
    for key, value in given.items():
        expected = bool if isinstance(SETTINGS[key], bool) else str
        if not isinstance(value, expected):
            raise invalid_field("Repository", key, f"{key} is not a {expected.__name__}")
    return given


async def _create(call: Call, owner: str) -> Response:
    fields = await call.fields()
    private, visibility = _visibility(fields)
    try:
        record = Repository(
            owner=names.owner(owner),
            name=names.repository(fields.text("name")),
            private=private,
            visibility=visibility,
            settings=dict(SETTINGS) | _settings(fields),
            books={"custom_properties": fields.object("custom_properties").data},
        )
        repository = await call.host.store.create(record)
    except names.InvalidNameError as error:
        raise invalid_field("Repository", "name", str(error)) from None
    except RepositoryExistsError:
        problem = invalid_field("Repository", "name", "name already exists on this account", code="custom")
        raise Unprocessable("Repository creation failed.", problem.errors) from None
    if fields.flag("auto_init", default=False):
        readme = f"# {repository.name}\n".encode()
        await commit_files(call, repository, {"README.md": readme}, "Initial commit", repository.default_branch)
    return answer(full(call, call.host.store.find(record.owner, record.name) or record), HTTPStatus.CREATED)


async def _create_in_organisation(call: Call) -> Response:
    return await _create(call, call.param("org"))


async def _create_for_caller(call: Call) -> Response:
    return await _create(call, call.caller())


async def _get(call: Call) -> Response:
    return answer(full(call, call.find()))


async def _list(call: Call) -> Response:
    owned = call.host.store.owned_by(call.param("owner"))
    seen = [each for each in owned if call.login or not each.private]
    return answer([minimal(call.host, each, call.login) for each in seen])


async def _list_of_caller(call: Call) -> Response:
    return answer([minimal(call.host, each, call.login) for each in call.host.store.owned_by(call.caller())])


async def _patch(call: Call) -> Response:
    repository = call.find()
    fields = await call.fields()
    if fields.text("name", repository.name) != repository.name:
        raise invalid_field("Repository", "name", "the sandbox cannot rename a repository")
    private, visibility = _visibility(fields, repository.visibility)
    branch = fields.text("default_branch", repository.default_branch)
    bare = call.bare(repository)
    if branch != repository.default_branch:
        if not await refs.find(bare, f"refs/heads/{names.ref(branch)}"):
            raise invalid_field("Repository", "default_branch", f"The branch {branch} was not found.")
        await refs.set_head(bare, branch)
    given = _settings(fields)
    changed = await call.change(
        repository,
        lambda before: replace(
            before,
            private=private,
            visibility=visibility,
            default_branch=branch,
            settings=before.settings | given,
            updated_at=now(),
        ),
    )
    return answer(full(call, changed))


async def _delete(call: Call) -> Response:
    await call.host.store.delete(call.find())
    return nothing()


async def _get_topics(call: Call) -> Response:
    return answer({"names": list(call.find().topics)})


async def _put_topics(call: Call) -> Response:
    repository = call.find()
    given = (await call.fields()).texts("names")
    for topic in given:
        # GitHub's rule: lower case letters, digits and hyphens, at most 50
        if len(topic) > 50 or names.dns_label_or_none(topic) is None:  # noqa: PLR2004 - said above
            raise invalid_field("Repository", "topics", f"Topic {topic!r} must be a-z, 0-9 and '-', at most 50")
    topics = tuple(dict.fromkeys(given))
    await call.change(repository, lambda before: replace(before, topics=topics, updated_at=now()))
    return answer({"names": list(topics)})


async def _fork(call: Call) -> Response:
    call.find()
    raise Unprocessable("The sandbox makes no forks: every token may push to every repository.")


async def _list_forks(call: Call) -> Response:
    call.find()
    return answer([])


async def _unknown(_call: Call) -> Response:
    raise NotFound


_REPOSITORY: Final = "/repos/{owner}/{repo}"
ROUTES = [
    route("POST", "/orgs/{org}/repos", _create_in_organisation),
    route("POST", "/user/repos", _create_for_caller),
    route("GET", "/user/repos", _list_of_caller),
    route("GET", "/orgs/{owner}/repos", _list),
    route("GET", "/users/{owner}/repos", _list),
    route("GET", f"{_REPOSITORY}/topics", _get_topics),
    route("PUT", f"{_REPOSITORY}/topics", _put_topics),
    route("GET", f"{_REPOSITORY}/forks", _list_forks),
    route("POST", f"{_REPOSITORY}/forks", _fork),
    route("GET", _REPOSITORY, _get),
    route("PATCH", _REPOSITORY, _patch),
    route("DELETE", _REPOSITORY, _delete),
]
UNKNOWN = route("GET POST PUT PATCH DELETE", "/{anything:path}", _unknown)
"""The last route: what the sandbox does not serve is not found, in GitHub's words."""
