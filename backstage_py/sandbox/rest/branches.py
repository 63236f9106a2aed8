"""Branches and the protection rules that are recorded for them."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from backstage_py.model.json import Json, JsonObject
from backstage_py.sandbox.call import Call, Fields, answer, nothing, route
from backstage_py.sandbox.gitrepo import objects, refs
from backstage_py.sandbox.gitrepo.refs import Ref
from backstage_py.sandbox.problems import NotFound
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.rest import accounts, commits, links

_SWITCHES: Final = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "required_conversation_resolution",
    "lock_branch",
    "allow_fork_syncing",
)


async def _found(call: Call) -> tuple[Repository, Ref]:
    repository = call.find()
    ref = await refs.find(call.bare(repository), f"refs/heads/{call.param('branch')}")
    if ref is None:
        raise NotFound("Branch not found")
    return repository, ref


def _protection_url(call: Call, repository: Repository, branch: str) -> str:
    return f"{links.repository_api(call.host.settings, repository)}/branches/{branch}/protection"


async def _list(call: Call) -> Response:
    repository = call.find()
    api = links.repository_api(call.host.settings, repository)
    return answer(
        [
            {
                "name": ref.short,
                "commit": {"sha": ref.sha, "url": f"{api}/commits/{ref.sha}"},
                "protected": ref.short in repository.book("protection"),
            }
            for ref in await refs.listing(call.bare(repository))
        ]
    )


async def _get(call: Call) -> Response:
    repository, ref = await _found(call)
    commit = await objects.read_commit(call.bare(repository), ref.sha)
    rules = repository.book("protection").get(ref.short)
    url = f"{links.repository_api(call.host.settings, repository)}/branches/{ref.short}"
    page = links.page(call.host.settings, repository, "tree", ref.short, "")
    return answer(
        {
            "name": ref.short,
            "commit": commits.shown(call, repository, commit),
            "_links": {"self": url, "html": page},
            "protected": rules is not None,
            "protection": {"enabled": rules is not None},
            "protection_url": _protection_url(call, repository, ref.short),
        }
    )


async def _get_protection(call: Call) -> Response:
    repository, ref = await _found(call)
    rules = repository.book("protection").get(ref.short)
    if rules is None:
        raise NotFound("Branch not protected")
    return answer(_protection(call, repository, ref.short, rules))


async def _put_protection(call: Call) -> Response:
    repository, ref = await _found(call)
    rules = (await call.fields()).data
    shown = _protection(call, repository, ref.short, rules)  # before it is kept: a wrong rule is refused
    await call.change(repository, lambda before: before.with_record("protection", ref.short, rules))
    return answer(shown)


async def _delete_protection(call: Call) -> Response:
    repository, ref = await _found(call)
    if ref.short not in repository.book("protection"):
        raise NotFound("Branch not protected")
    await call.change(repository, lambda before: before.without_record("protection", ref.short))
    return nothing()


async def _put_signatures(call: Call) -> Response:
    repository, ref = await _found(call)
    rules = repository.book("protection").get(ref.short)
    if rules is None:
        raise NotFound("Branch not protected")
    signed = rules | {"required_signatures": True}
    await call.change(repository, lambda before: before.with_record("protection", ref.short, signed))
    shown = _protection(call, repository, ref.short, signed)
    return answer(shown["required_signatures"], HTTPStatus.OK)


def _protection(call: Call, repository: Repository, branch: str, rules: JsonObject) -> JsonObject:
    """Return recorded rules in the shape of an answer (``protected-branch``)."""
    url = _protection_url(call, repository, branch)
    fields = Fields(rules)
    shown: JsonObject = {
        "url": url,
        "enforce_admins": {
            "url": f"{url}/enforce_admins",
            "enabled": fields.flag("enforce_admins", default=False),
        },
        "required_signatures": {
            "url": f"{url}/required_signatures",
            "enabled": fields.flag("required_signatures", default=False),
        },
        **{switch: {"enabled": fields.flag(switch, default=False)} for switch in _SWITCHES},
    }
    if rules.get("required_status_checks") is not None:
        shown["required_status_checks"] = _status_checks(url, fields.object("required_status_checks"))
    if rules.get("required_pull_request_reviews") is not None:
        shown["required_pull_request_reviews"] = _reviews(call, repository, url, fields)
    if rules.get("restrictions") is not None:
        shown["restrictions"] = _named(call, repository, fields.object("restrictions")) | {
            "url": f"{url}/restrictions",
            "users_url": f"{url}/restrictions/users",
            "teams_url": f"{url}/restrictions/teams",
            "apps_url": f"{url}/restrictions/apps",
        }
    return shown


def _status_checks(url: str, fields: Fields) -> JsonObject:
    contexts = fields.texts("contexts")
    return {
        "url": f"{url}/required_status_checks",
        "strict": fields.flag("strict", default=False),
        "contexts": contexts,
        "contexts_url": f"{url}/required_status_checks/contexts",
        "checks": [{"context": context, "app_id": None} for context in contexts],
    }


def _reviews(call: Call, repository: Repository, url: str, fields: Fields) -> JsonObject:
    reviews = fields.object("required_pull_request_reviews")
    count: Json = reviews.data.get("required_approving_review_count")
    allowances = reviews.object("bypass_pull_request_allowances")
    return {
        "url": f"{url}/required_pull_request_reviews",
        "dismiss_stale_reviews": reviews.flag("dismiss_stale_reviews", default=False),
        "require_code_owner_reviews": reviews.flag("require_code_owner_reviews", default=False),
        "require_last_push_approval": reviews.flag("require_last_push_approval", default=False),
        "required_approving_review_count": count if isinstance(count, int) else 1,
        **({"bypass_pull_request_allowances": _named(call, repository, allowances)} if allowances.data else {}),
    }


def _named(call: Call, repository: Repository, fields: Fields) -> JsonObject:
    """Return users and teams by their names; apps do not exist here."""
    return {
        "users": [accounts.simple(call.host, login) for login in fields.texts("users")],
        "teams": [accounts.team(call.host, repository.owner, slug) for slug in fields.texts("teams")],
        "apps": [],
    }


_BRANCH: Final = "/repos/{owner}/{repo}/branches/{branch:path}"
ROUTES = [
    route("GET", "/repos/{owner}/{repo}/branches", _list),
    route("POST", f"{_BRANCH}/protection/required_signatures", _put_signatures),
    route("GET", f"{_BRANCH}/protection", _get_protection),
    route("PUT", f"{_BRANCH}/protection", _put_protection),
    route("DELETE", f"{_BRANCH}/protection", _delete_protection),
    route("GET", _BRANCH, _get),
]
