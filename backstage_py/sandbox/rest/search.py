"""Search in code, as far as it finds the files of one name in one repository."""

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox.call import Call, answer, route
from backstage_py.sandbox.gitrepo import objects, refs
from backstage_py.sandbox.gitrepo.objects import Entry
from backstage_py.sandbox.problems import Unprocessable
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.rest import contents, repositories

_UNSEEN = "The listed users and repositories cannot be searched either because the resources do not exist or you do not have permission to view them."  # noqa: E501  # GitHub's words


async def _search(call: Call) -> Response:
    call.caller()
    wanted = dict(word.split(":", 1) for word in call.query("q").split() if ":" in word)
    owner, _, name = wanted.get("repo", "").partition("/")
    repository = call.host.store.find(owner, name) if owner and name else None
    if repository is None:
        raise Unprocessable(_UNSEEN)
    bare = call.bare(repository)
    commit = await refs.commit_of(bare, repository.default_branch)
    entries = await objects.read_tree(bare, commit, recursive=True) if commit else []
    items = [_item(call, repository, entry) for entry in entries if _fits(entry, wanted)]
    return answer({"total_count": len(items), "incomplete_results": False, "items": items})


def _fits(entry: Entry, wanted: dict[str, str]) -> bool:
    name = entry.path.rsplit("/", 1)[-1]
    return (
        entry.type == "blob"
        and wanted.get("filename", name) == name
        and name.endswith(f".{wanted['extension']}" if "extension" in wanted else "")
    )


def _item(call: Call, repository: Repository, entry: Entry) -> JsonObject:
    shown = contents.shown(call, repository, repository.default_branch, entry)
    file = {key: shown[key] for key in ("name", "path", "sha", "url", "git_url", "html_url")}
    return {**file, "repository": repositories.minimal(call.host, repository, call.login), "score": 1.0}


ROUTES = [route("GET", "/search/code", _search)]
