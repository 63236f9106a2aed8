"""Answers of the sandbox have the shapes of GitHub's OpenAPI description."""

import base64
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft4Validator
from starlette.routing import Mount, Route

from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.sandbox.app import create_sandbox_app
from backstage_py.sandbox.settings import SandboxSettings
from tests.sandbox.harness import Client, clone

_ROOT: Final = Path(__file__).parents[2]
_ORACLE: Final = Path(os.environ.get("BACKSTAGE_PY_ORACLE") or _ROOT / ".dev" / "oracle")
_FILE: Final = _ORACLE / "node_modules/@octokit/openapi/generated/api.github.com.json"

# Served for clients in the field though GitHub's description no longer lists them.
_UNDESCRIBED: Final = {
    ("GET", "/repos/{}/{}/git/refs"),
    ("GET", "/repos/{}/{}/git/refs/{}"),
    ("GET", "/repos/{}/{}/tarball"),
    ("GET", "/repos/{}/{}/zipball"),
    ("GET", "/repos/{}/{}/contents"),
}

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        not _FILE.is_file(), reason="the npm package @octokit/openapi is missing (./dev oracle installs it)"
    ),
]


@cache
def _description() -> Json:
    """Return GitHub's description with OpenAPI's ``nullable`` said as JSON Schema says it."""
    return _plain(json.parse(_FILE.read_bytes()))


def _plain(node: Json) -> Json:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items() if key not in {"example", "examples"}}
    if plain.pop("nullable", None) is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def _operations() -> dict[tuple[str, str], Json]:
    return {
        (method.upper(), _anonymous(path)): operation
        for path, methods in _description()["paths"].items()
        for method, operation in methods.items()
    }


def _anonymous(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _served(tmp_path: Path) -> set[tuple[str, str]]:
    app = create_sandbox_app(SandboxSettings(tmp_path / "described", "http://127.0.0.1:1", {"t": "me"}))
    api = next(each for each in app.routes if isinstance(each, Mount) and each.path == "/api/v3")
    return {
        (method, _anonymous(route.path))
        for route in api.routes
        if isinstance(route, Route) and "anything" not in route.path
        for method in (route.methods or ())
        if method != "HEAD"
    }


class _Contract:
    """Sends requests by the description's own path templates and checks each answer against its schema."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._operations = _operations()
        self.exercised: set[tuple[str, str]] = set()

    async def check(self, status: int, method: str, template: str, *values: str, body: Json = None) -> Json:
        key = (method, _anonymous(template.partition("?")[0]))
        path = template
        for value in values:
            path = re.sub(r"\{[^}]*\}", lambda _, value=value: value, path, count=1)  # type: ignore[misc] # a closure
        answer = await self._client.send(method, path, body, redirects=False)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.raw[:300]!r}"
        self.exercised.add(key)
        schema = self._schema(self._operations[key], status)
        if schema is None:
            assert status in {204, 302}, f"{method} {path} has no schema for {status}"
            return answer
        problems = [
            f"{method} {path} {'.'.join(str(part) for part in error.absolute_path)}: {error.message[:200]}"
            for error in Draft4Validator(schema).iter_errors(answer.json)
        ]
        assert not problems, "\n".join(problems)
        return answer.json

    @staticmethod
    def _schema(operation: Json, status: int) -> Json:
        response = operation["responses"].get(str(status))
        if response is None:
            return None
        if "$ref" in response:
            response = _description()["components"]["responses"][response["$ref"].rsplit("/", 1)[-1]]
        content = response.get("content", {}).get("application/json")
        if content and "oneOf" in content["schema"]:  # the description's alternatives overlap, e.g. two error shapes
            content = {"schema": {"anyOf": content["schema"]["oneOf"]}}
        return {**content["schema"], "components": _description()["components"]} if content else None


_Check = Callable[..., Json]


async def test_every_answer_fits_githubs_description(client: Client, tmp_path: Path) -> None:
    contract = _Contract(client)
    check = contract.check
    await _accounts(check)
    await _repositories(check)
    head = await _git_data(check)
    await _branches(check)
    await _collaboration(check)
    await _workflows(check)
    await _extras(check)
    await _errors(check)
    assert len(head) == 40
    tree = await clone(f"{client.sandbox.url}/org/svc.git", tmp_path / "tree")
    assert (tree.path / "README.md").is_file()
    await check(204, "DELETE", "/repos/{owner}/{repo}", "org", "svc")
    unchecked = _served(tmp_path) - contract.exercised - _UNDESCRIBED
    assert not unchecked, f"routes that this test does not exercise: {sorted(unchecked)}"


async def _accounts(check: _Check) -> None:
    await check(200, "GET", "/user")
    await check(200, "GET", "/users/{u}", "sandbox")
    await check(200, "GET", "/users/{u}", "org")
    await check(200, "GET", "/orgs/{org}", "org")
    await check(200, "GET", "/orgs/{org}/teams/{slug}", "org", "builders")
    await check(200, "GET", "/rate_limit")


async def _repositories(check: _Check) -> None:
    body = {"name": "svc", "description": "a service", "auto_init": True, "has_wiki": False}
    created = await check(201, "POST", "/orgs/{org}/repos", "org", body=body)
    assert created["full_name"] == "org/svc"
    assert created["default_branch"] == "main"
    assert created["owner"]["type"] == "Organization"
    mine = await check(201, "POST", "/user/repos", body={"name": "mine", "private": True})
    assert mine["owner"]["type"] == "User"
    assert mine["visibility"] == "private"
    await check(200, "GET", "/user/repos")
    await check(200, "GET", "/users/{u}/repos", "sandbox")
    await check(200, "GET", "/orgs/{org}/repos", "org")
    await check(200, "GET", "/repos/{owner}/{repo}", "org", "svc")
    changed = await check(200, "PATCH", "/repos/{owner}/{repo}", "org", "svc", body={"homepage": "https://e.org"})
    assert changed["homepage"] == "https://e.org"
    await check(200, "PUT", "/repos/{owner}/{repo}/topics", "org", "svc", body={"names": ["service", "search"]})
    topics = await check(200, "GET", "/repos/{owner}/{repo}/topics", "org", "svc")
    assert topics["names"] == ["service", "search"]
    await check(200, "GET", "/repos/{owner}/{repo}/forks", "org", "svc")
    contents = "/repos/{owner}/{repo}/contents/{path}"
    text = {"message": "add", "content": base64.b64encode(b"text\n").decode()}
    written = await check(201, "PUT", contents, "org", "svc", "docs/a.txt", body=text)
    await check(200, "GET", contents, "org", "svc", "docs/a.txt")
    await check(200, "GET", contents, "org", "svc", "docs")
    await check(200, "GET", "/repos/{owner}/{repo}/readme", "org", "svc")
    assert (await check(200, "GET", "/search/code?q=filename:README.md+repo:org/svc"))["total_count"] == 1
    gone = {"message": "remove", "sha": written["content"]["sha"]}
    await check(200, "DELETE", contents, "org", "svc", "docs/a.txt", body=gone)
    await check(302, "GET", "/repos/{owner}/{repo}/tarball/{ref}", "org", "svc", "main")
    await check(302, "GET", "/repos/{owner}/{repo}/zipball/{ref}", "org", "svc", "main")


async def _git_data(check: _Check) -> str:
    git = "/repos/{owner}/{repo}/git"
    repo = ("org", "svc")
    blob = await check(201, "POST", f"{git}/blobs", *repo, body={"content": "hello\n"})
    await check(200, "GET", f"{git}/blobs/{{sha}}", *repo, blob["sha"])
    ref = await check(200, "GET", f"{git}/ref/{{ref}}", *repo, "heads/main")
    await check(200, "GET", f"{git}/matching-refs/{{ref}}", *repo, "heads/")
    base = await check(200, "GET", f"{git}/commits/{{sha}}", *repo, ref["object"]["sha"])
    entries = [
        {"path": "docs/hello.txt", "mode": "100644", "type": "blob", "sha": blob["sha"]},
        {"path": ".github/workflows/ci.yaml", "mode": "100644", "type": "blob", "content": "on: workflow_dispatch\n"},
    ]
    tree_body = {"base_tree": base["tree"]["sha"], "tree": entries}
    tree = await check(201, "POST", f"{git}/trees", *repo, body=tree_body)
    await check(200, "GET", f"{git}/trees/{{sha}}?recursive=1", *repo, tree["sha"])
    author = {"name": "Ada", "email": "ada@example.org", "date": "2026-01-02T03:04:05Z"}
    commit_body = {"message": "hello", "tree": tree["sha"], "parents": [base["sha"]], "author": author}
    commit = await check(201, "POST", f"{git}/commits", *repo, body=commit_body)
    assert commit["author"] == author
    feature = {"ref": "refs/heads/feature/one", "sha": commit["sha"]}
    await check(201, "POST", f"{git}/refs", *repo, body=feature)
    await check(201, "POST", f"{git}/refs", *repo, body={"ref": "refs/tags/v1", "sha": commit["sha"]})
    moved = await check(200, "PATCH", f"{git}/refs/{{ref}}", *repo, "heads/main", body={"sha": commit["sha"]})
    await check(204, "DELETE", f"{git}/refs/{{ref}}", *repo, "tags/v1")
    return str(moved["object"]["sha"])


async def _branches(check: _Check) -> None:
    repo, branch = "/repos/{owner}/{repo}", "/repos/{owner}/{repo}/branches/{branch}"
    at = ("org", "svc")
    await check(200, "GET", f"{repo}/branches", *at)
    await check(200, "GET", branch, *at, "feature/one")
    await check(200, "GET", f"{repo}/commits", *at)
    await check(200, "GET", f"{repo}/commits/{{ref}}", *at, "main")
    status = await check(200, "GET", f"{repo}/commits/{{ref}}/status", *at, "main")
    assert status["repository"]["full_name"] == "org/svc"
    await check(200, "GET", f"{repo}/compare/{{basehead}}", *at, "main...feature/one")
    rules = {
        "required_status_checks": {"strict": True, "contexts": ["build"]},
        "enforce_admins": True,
        "required_pull_request_reviews": {
            "required_approving_review_count": 2,
            "require_code_owner_reviews": True,
            "bypass_pull_request_allowances": {"users": ["ada"], "teams": ["builders"]},
        },
        "restrictions": {"users": ["ada"], "teams": ["builders"]},
        "required_linear_history": True,
    }
    put = await check(200, "PUT", f"{branch}/protection", *at, "main", body=rules)
    assert put["required_pull_request_reviews"]["required_approving_review_count"] == 2
    await check(200, "POST", f"{branch}/protection/required_signatures", *at, "main")
    got = await check(200, "GET", f"{branch}/protection", *at, "main")
    assert got["required_signatures"]["enabled"] is True
    await check(200, "GET", branch, *at, "main")
    await check(204, "DELETE", f"{branch}/protection", *at, "main")


async def _collaboration(check: _Check) -> None:
    repo, at = "/repos/{owner}/{repo}", ("org", "svc")
    await check(201, "PUT", f"{repo}/collaborators/{{u}}", *at, "ada", body={"permission": "push"})
    await check(204, "PUT", f"{repo}/collaborators/{{u}}", *at, "ada", body={"permission": "admin"})
    await check(200, "GET", f"{repo}/collaborators", *at)
    await check(204, "GET", f"{repo}/collaborators/{{u}}", *at, "ada")
    permission = await check(200, "GET", f"{repo}/collaborators/{{u}}/permission", *at, "ada")
    assert permission["permission"] == "admin"
    await check(204, "DELETE", f"{repo}/collaborators/{{u}}", *at, "ada")
    team = {"permission": "maintain"}
    await check(204, "PUT", "/orgs/{org}/teams/{slug}/repos/{owner}/{repo}", "org", "builders", *at, body=team)
    await check(200, "GET", f"{repo}/teams", *at)
    issue = await check(201, "POST", f"{repo}/issues", *at, body={"title": "A bug", "labels": ["bug"]})
    assert issue["number"] == 1
    await check(200, "GET", f"{repo}/issues", *at)
    await check(200, "GET", f"{repo}/issues/{{n}}", *at, "1")
    closed = await check(200, "PATCH", f"{repo}/issues/{{n}}", *at, "1", body={"state": "closed"})
    assert closed["state"] == "closed"
    contents = {"message": "new", "content": base64.b64encode(b"new\n").decode(), "branch": "feature/one"}
    await check(201, "PUT", f"{repo}/contents/{{path}}", *at, "new.txt", body=contents)
    wanted = {"title": "Add new", "head": "feature/one", "base": "main", "body": "Please", "draft": True}
    pull = await check(201, "POST", f"{repo}/pulls", *at, body=wanted)
    assert (pull["number"], pull["changed_files"], pull["additions"], pull["mergeable"]) == (2, 1, 1, True)
    await check(200, "GET", f"{repo}/pulls", *at)
    await check(200, "GET", f"{repo}/pulls/{{n}}", *at, "2")
    await check(200, "GET", f"{repo}/pulls/{{n}}/files", *at, "2")
    await check(200, "PATCH", f"{repo}/pulls/{{n}}", *at, "2", body={"title": "Add new file"})
    reviewers = {"reviewers": ["ada"], "team_reviewers": ["builders"]}
    asked = await check(201, "POST", f"{repo}/pulls/{{n}}/requested_reviewers", *at, "2", body=reviewers)
    assert [user["login"] for user in asked["requested_reviewers"]] == ["ada"]
    await check(200, "POST", f"{repo}/issues/{{n}}/labels", *at, "2", body={"labels": ["enhancement"]})
    await check(201, "POST", f"{repo}/issues/{{n}}/assignees", *at, "2", body={"assignees": ["ada"]})


async def _workflows(check: _Check) -> None:
    repo, at = "/repos/{owner}/{repo}", ("org", "svc")
    await check(200, "PUT", f"{repo}/environments/{{e}}", *at, "production", body={"wait_timer": 5})
    await check(200, "GET", f"{repo}/environments/{{e}}", *at, "production")
    policy = {"name": "main", "type": "branch"}
    await check(200, "POST", f"{repo}/environments/{{e}}/deployment-branch-policies", *at, "production", body=policy)
    policies = await check(200, "GET", f"{repo}/environments/{{e}}/deployment-branch-policies", *at, "production")
    assert policies["total_count"] == 1
    for scope, where in ((f"{repo}/actions", at), (f"{repo}/environments/{{e}}", (*at, "production"))):
        await check(201, "POST", f"{scope}/variables", *where, body={"name": "REGION", "value": "eu"})
        await check(200, "GET", f"{scope}/variables", *where)
        variable = await check(200, "GET", f"{scope}/variables/{{name}}", *where, "REGION")
        assert variable["value"] == "eu"
        await check(204, "PATCH", f"{scope}/variables/{{name}}", *where, "REGION", body={"value": "us"})
        await check(204, "DELETE", f"{scope}/variables/{{name}}", *where, "REGION")
        key = await check(200, "GET", f"{scope}/secrets/public-key", *where)
        secret = {"encrypted_value": "c2VhbGVk", "key_id": key["key_id"]}
        await check(201, "PUT", f"{scope}/secrets/{{name}}", *where, "TOKEN", body=secret)
        await check(204, "PUT", f"{scope}/secrets/{{name}}", *where, "TOKEN", body=secret)
        await check(200, "GET", f"{scope}/secrets", *where)
    workflow = await check(200, "GET", f"{repo}/actions/workflows/{{id}}", *at, "ci.yaml")
    dispatch = {"ref": "main", "inputs": {"level": "high"}}
    await check(204, "POST", f"{repo}/actions/workflows/{{id}}/dispatches", *at, str(workflow["id"]), body=dispatch)


async def _extras(check: _Check) -> None:
    repo, at = "/repos/{owner}/{repo}", ("org", "svc")
    hook = {"config": {"url": "https://hooks.example.org", "secret": "s3cret", "content_type": "json"}}
    created = await check(201, "POST", f"{repo}/hooks", *at, body=hook)
    assert created["config"]["secret"] == "********"
    await check(200, "GET", f"{repo}/hooks", *at)
    config = {"url": "https://hooks.example.org", "secret": "other"}
    changed = await check(200, "PATCH", f"{repo}/hooks/{{id}}/config", *at, str(created["id"]), body=config)
    assert changed["secret"] == "********"
    await check(201, "POST", f"{repo}/keys", *at, body={"title": "deploy", "key": "ssh-ed25519 AAAA"})
    await check(200, "GET", f"{repo}/keys", *at)
    autolink = {"key_prefix": "TICKET-", "url_template": "https://t.example.org/<num>"}
    await check(201, "POST", f"{repo}/autolinks", *at, body=autolink)
    await check(200, "GET", f"{repo}/autolinks", *at)
    rules = {
        "name": "main",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "deletion"}],
        "bypass_actors": [{"actor_id": 5, "actor_type": "RepositoryRole"}],
    }
    ruleset = await check(201, "POST", f"{repo}/rulesets", *at, body=rules)
    assert ruleset["target"] == "branch"
    await check(200, "GET", f"{repo}/rulesets", *at)
    await check(200, "GET", f"{repo}/rulesets/{{id}}", *at, str(ruleset["id"]))
    await check(404, "GET", f"{repo}/rulesets/{{id}}", *at, "1")
    await check(422, "POST", f"{repo}/rulesets", *at, body=rules)
    await check(404, "GET", f"{repo}/pages", *at)
    await check(201, "POST", f"{repo}/pages", *at, body={"source": {"branch": "main"}})
    await check(200, "GET", f"{repo}/pages", *at)
    await check(200, "PUT", f"{repo}/subscription", *at, body={"subscribed": True})
    await check(204, "PUT", f"{repo}/actions/permissions/access", *at, body={"access_level": "organization"})
    await check(201, "PUT", f"{repo}/actions/oidc/customization/sub", *at, body={"use_default": True})


async def _errors(check: _Check) -> None:
    repo, at = "/repos/{owner}/{repo}", ("org", "svc")
    again = await check(422, "POST", "/orgs/{org}/repos", "org", body={"name": "SVC"})
    assert again["errors"][0]["message"] == "name already exists on this account"
    missing = await check(404, "GET", repo, "org", "nothing")
    assert missing["message"] == "Not Found"
    await check(422, "POST", f"{repo}/pulls", *at, body={"title": "Again", "head": "feature/one", "base": "main"})
    merged = await check(200, "PUT", f"{repo}/pulls/{{n}}/merge", *at, "2", body={"merge_method": "squash"})
    assert merged["merged"] is True
    await check(405, "PUT", f"{repo}/pulls/{{n}}/merge", *at, "2", body={})
    await check(404, "GET", f"{repo}/contents/{{path}}", *at, "nothing.txt")
    await check(409, "PUT", f"{repo}/contents/{{path}}", *at, "README.md", body={"message": "m", "sha": "0" * 40})
    await check(422, "POST", f"{repo}/forks", *at)
    await check(422, "POST", f"{repo}/git/refs", *at, body={"ref": "refs/heads/main", "sha": "0" * 40})
