"""``crossplane.resource.create``, ``.read`` and ``.delete``: of a policy, and of a service's restricted token."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.permissions.fake_backstage import FakeBackstage
from tests.permissions.policed_site import COMPONENTS, OWNER, Site, running

READER, WRITER, STRANGER = "may-read-resources", "may-create-resources", "may-read-the-catalog"
BODY = {"serviceName": "checkout", "team": "owner"}
CALLS = [
    ("create", "POST", "/api/crossplane/postgres", BODY),
    ("read", "GET", "/api/crossplane/postgres", None),
    ("read", "GET", "/api/crossplane/postgres/owner/checkout", None),
    ("delete", "DELETE", "/api/crossplane/postgres/owner/checkout?confirm=checkout", None),
]
OFFERED = {
    "group": "platform.example.org",
    "kind": "Postgres",
    "provider": "aws",
    "owner": "user:default/{team}",
    "sizes": {"small": {"aws": {"class": "db.t4g.micro"}}},
    "environments": {"staging": {}},
}


@pytest.fixture
def backstage() -> Iterator[FakeBackstage]:
    with FakeBackstage({}).running() as one:
        yield one


def access() -> list[dict[str, Any]]:
    restrictions = {
        READER: {"plugin": "crossplane", "permissionAttribute": {"action": "read"}},
        WRITER: {"plugin": "crossplane", "permission": ["crossplane.resource.create"]},
        STRANGER: {"plugin": "catalog"},
    }
    return [
        {"type": "static", "options": {"token": token, "subject": f"external:{token}"}, "accessRestrictions": [one]}
        for token, one in restrictions.items()
    ]


async def asked(site: Site, token: str) -> list[tuple[str, int]]:
    """The permission and the status of each call; 400 is the answer of a service that knows no cluster."""
    return [
        (permission, (await site.ask(method, path, body, token)).status) for permission, method, path, body in CALLS
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("denied", ["create", "read", "delete"])
async def test_what_a_policy_denies_a_user_is_refused(backstage: FakeBackstage, tmp_path: Path, denied: str) -> None:
    backstage.table = {OWNER: {f"crossplane.resource.{denied}": "DENY"}}
    async with running(backstage, tmp_path, crossplane={"resources": {"postgres": OFFERED}}) as site:
        found = await asked(site, backstage.token(OWNER))
    assert found == [(one, 403 if one == denied else 400) for one, *_ in CALLS]


@pytest.mark.thorough
@pytest.mark.parametrize(("token", "allowed"), [(READER, {"read"}), (WRITER, {"create"}), (STRANGER, set())])
async def test_a_service_does_what_its_token_is_for(
    backstage: FakeBackstage, tmp_path: Path, token: str, allowed: set[str]
) -> None:
    offered = {"resources": {"postgres": OFFERED}}
    auth = {"externalAccess": access()}
    async with running(backstage, tmp_path, backend_auth=auth, crossplane=offered) as site:
        found = await asked(site, token)
    assert found == [(one, 400 if one in allowed else 403) for one, *_ in CALLS]


@pytest.mark.thorough
@pytest.mark.parametrize(("denied", "words"), [(True, "crossplane.resource.create"), (False, "No Kubernetes cluster")])
async def test_the_actions_ask_for_the_same(backstage: FakeBackstage, tmp_path: Path, denied: bool, words: str) -> None:
    backstage.table = {OWNER: {"crossplane.resource.create": "DENY"} if denied else {}}
    step = f'{{id: ask, action: "crossplane:postgres:request", input: {json.dumps(BODY)}}}'
    say = '{id: say, action: "debug:log", input: {message: hi}}'
    (tmp_path / "asking.yaml").write_text(COMPONENTS.replace(say, step))
    catalog = {
        "rules": [{"allow": ["Component", "Template"]}],
        "locations": [{"type": "file", "target": str(tmp_path / "asking.yaml")}],
    }
    offered = {"resources": {"postgres": OFFERED}}
    async with running(backstage, tmp_path, crossplane=offered, catalog=catalog) as site:
        ended = await site.run()
    assert words in ended["error"]["message"]
