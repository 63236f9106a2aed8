"""A token that is restricted reaches no further by way of us."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from backstage_py.errors import NotAllowedError, SettingsError
from backstage_py.identity.principals import AccessRestriction, Credentials, ServicePrincipal, UserPrincipal
from backstage_py.plugin import Action, ActionContext, Services, action
from backstage_py.scaffolder.face import delegation
from backstage_py.settings.load import load_settings

EVERYTHING, SOME = AccessRestriction(), AccessRestriction(permissions=("catalog.entity.read",))


def caller(**elsewhere: AccessRestriction) -> Credentials:
    return Credentials(ServicePrincipal("external:ci", EVERYTHING, elsewhere))


@action("notes:write", {"type": "object"}, needs_workspace=False)
def write(ctx: ActionContext[dict[str, str]]) -> None:
    """Write a note."""


class Remote:
    """Offers one action of the plugin ``notes``."""

    async def list(self, *, token: str | None) -> Sequence[Action]:
        return [write]

    async def find(self, id: str, *, token: str | None) -> Action | None:  # noqa: A002
        return write if id == "notes:write" else None


class Catalog:
    """Has no entity."""

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[None]:
        return [None for _ in refs]


def test_who_may_be_stood_in_for() -> None:
    for unbound in (Credentials(UserPrincipal("user:default/a"), "t"), Credentials(ServicePrincipal("plugin:x"))):
        delegation.check(unbound, "catalog")
    delegation.check(caller(catalog=EVERYTHING), "catalog")
    with pytest.raises(NotAllowedError, match="'catalog' is restricted and cannot be delegated"):
        delegation.check(caller(catalog=SOME), "catalog")
    with pytest.raises(NotAllowedError, match="'catalog' is not included in token's access restrictions"):
        delegation.check(caller(), "catalog")


async def test_a_run_reaches_no_plugin_that_its_initiator_does_not() -> None:
    services = Services(catalog=Catalog(), remote_actions=Remote())  # type: ignore[arg-type]  # reading is enough here
    bound = delegation.services_for(services, caller(catalog=SOME))
    assert bound.catalog
    assert bound.remote_actions
    with pytest.raises(NotAllowedError, match="cannot be delegated"):
        await bound.catalog.entities_by_refs(["component:default/a"], token=None)
    assert list(await bound.remote_actions.list(token=None)) == []
    with pytest.raises(NotAllowedError, match="'notes' is not included"):
        await bound.remote_actions.find("notes:write", token=None)
    assert await bound.remote_actions.find("other:write", token=None) is None

    free = delegation.services_for(services, caller(catalog=EVERYTHING, notes=EVERYTHING))
    assert free.catalog is services.catalog
    assert free.remote_actions
    assert list(await free.remote_actions.list(token=None)) == [write]
    assert await free.remote_actions.find("notes:write", token=None) is write


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{plugin: catalog, permissions: catalog.entity.read}", "permissions"),
        ("{plugin: catalog, permissionAttribute: {actions: read}}", "actions"),
        ("{plugin: catalog, permissionAttribute: {action: fly}}", "action"),
        ("{permission: catalog.entity.read}", "plugin"),
        ("{plugin: catalog}, {plugin: catalog, permission: catalog.entity.read}", "a second time"),
    ],
)
def test_a_restriction_that_is_written_wrong_is_not_taken_for_none(tmp_path: Path, entry: str, complaint: str) -> None:
    config = tmp_path / "app-config.yaml"
    config.write_text(
        "backend: {auth: {externalAccess: [{type: static, options: {token: a-long-token, subject: ci}, "
        f"accessRestrictions: [{entry}]}}]}}}}\n"
    )
    with pytest.raises(SettingsError, match=complaint):
        load_settings([config], {})
