"""The guest for development, and what the known may do."""

from collections.abc import Sequence
from typing import Any

import pytest

from backstage_py.errors import InputError, NotAllowedError, ServiceUnavailableError
from backstage_py.identity import keys, permissions
from backstage_py.identity.guest import GuestSignIn, RequestOrigin
from backstage_py.identity.issuer import TokenIssuer
from backstage_py.identity.principals import Credentials, UserPrincipal
from backstage_py.model.json import JsonObject
from backstage_py.settings.sections import AuthSettings

GUEST = "user:development/guest"
USER = Credentials(UserPrincipal(GUEST), "t")


class Catalog:
    """A catalog with at most one user."""

    def __init__(self, entity: JsonObject | None, *, down: bool = False) -> None:
        self._entity = entity
        self._down = down

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        if self._down:
            raise ServiceUnavailableError("the catalog is down")
        return [self._entity for _ in refs]

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002
        raise NotImplementedError

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002
        raise NotImplementedError

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        raise NotImplementedError


def guest(catalog: Catalog | None, **settings: Any) -> GuestSignIn:
    return GuestSignIn(
        AuthSettings(guest=True, **settings), TokenIssuer(keys.OneKey(keys.generate()), "http://x/api/auth"), catalog
    )


def from_(address: str) -> RequestOrigin:
    return RequestOrigin(address, headers={"host": "localhost:7007"})


async def test_the_guest_owns_what_its_entity_says() -> None:
    entity = {
        "kind": "User",
        "metadata": {"name": "guest", "namespace": "development"},
        "relations": [
            {"type": "memberOf", "targetRef": "group:default/guests"},
            {"type": "ownerOf", "targetRef": "component:default/x"},
        ],
    }
    issued = await guest(Catalog(entity)).sign_in(from_("127.0.0.1"))
    assert issued.user_entity_ref == GUEST
    assert issued.ownership == (GUEST, "group:default/guests")


@pytest.mark.parametrize("catalog", [None, Catalog(None), Catalog(None, down=True)])
async def test_an_unknown_guest_owns_what_is_configured_or_itself(catalog: Catalog | None) -> None:
    assert (await guest(catalog).sign_in(from_("::1"))).ownership == (GUEST,)
    configured = guest(catalog, guest_ownership=("group:default/a",))
    assert (await configured.sign_in(from_("127.0.0.1"))).ownership == ("group:default/a",)


@pytest.mark.parametrize("host", ["192.168.1.5", "10.0.0.1", "2001:db8::1", "somewhere"])
async def test_guests_come_from_this_machine_unless_allowed_otherwise(host: str) -> None:
    with pytest.raises(NotAllowedError, match="dangerouslyAllowOutsideDevelopment"):
        await guest(None).sign_in(from_(host))
    assert (await guest(None, guest_outside_development=True).sign_in(from_(host))).user_entity_ref == GUEST


def _item(**changes: Any) -> dict[str, Any]:
    permission = {"type": "basic", "name": "catalog.entity.create", "attributes": {"action": "create"}}
    return {"id": "1", "permission": permission, **changes}


RESOURCE = {"type": "resource", "name": "r", "attributes": {}, "resourceType": "catalog-entity"}


def test_the_known_may_do_everything() -> None:
    items = [_item(), _item(id="2", permission=RESOURCE, resourceRef=["a", "b"])]
    assert permissions.authorize({"items": items}, USER) == {
        "items": [{"id": "1", "result": "ALLOW"}, {"id": "2", "result": "ALLOW"}]
    }


def test_a_user_must_name_the_resource_and_a_plugin_for_a_user_need_not() -> None:
    body = {"items": [_item(permission=RESOURCE)]}
    with pytest.raises(InputError, match="require a resourceRef"):
        permissions.authorize(body, USER)
    actor = Credentials(UserPrincipal(GUEST, (), "plugin:catalog"), "t")
    assert permissions.authorize(body, actor)["items"][0]["result"] == "ALLOW"


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"items": [{}]},
        {"items": [_item(id=5)]},
        {"items": [_item(permission={"type": "x"})]},
        {"items": [_item(resourceRef="a")]},
        {"items": [_item(permission={"type": "basic", "name": "n", "attributes": {"action": "fly"}})]},
    ],
)
def test_a_malformed_question_is_refused(body: Any) -> None:
    with pytest.raises(InputError):
        permissions.authorize(body, USER)
