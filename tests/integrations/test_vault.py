import secrets as random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import (
    AuthenticationError,
    ConflictError,
    InputError,
    NotAllowedError,
    ServiceUnavailableError,
    SettingsError,
)
from backstage_py.integrations.vault import engines
from backstage_py.integrations.vault.server import AppRoleLogin, KubernetesLogin, Vault
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.integrations import openbao
from tests.integrations.openbao import OpenBao

pytestmark = pytest.mark.xdist_group("openbao")


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao.serve() as running:
        yield running


async def test_the_action_adds_keys_to_a_secret_and_makes_the_engine(bao: OpenBao, tmp_path: Path) -> None:
    config = {"vault": {"baseUrl": bao.url, "token": bao.root}}
    task, mount = Task(tmp_path, Services(config=config)), f"made-{random.token_hex(4)}"
    result = await task.run("vault:add-secret", {"path": f"{mount}/shop", "key": "PASSWORD", "value": "hunter2"})
    made = bao.client.sys.list_mounted_secrets_engines()["data"][f"{mount}/"]
    assert (made["type"], made["options"]) == ("kv", {"version": "2"})
    assert result.log.messages == [f"Created mount path {mount}.", f"Added the key PASSWORD to {mount}/shop"]
    await task.run("vault:add-secret", {"path": f"{mount}/shop", "key": "USER", "value": "shop"})
    assert bao.versions(mount, "shop")[-1] == {"PASSWORD": "hunter2", "USER": "shop"}


async def test_a_write_of_somebody_else_is_not_lost(bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    mount = bao.kv()
    bao.put(mount, "shop", {"A": "1"})
    theirs: list[dict[str, str]] = [{"A": "1", "THEIRS": "x"}]
    read = engines.read_v2

    def read_before_somebody_writes(*given: Any) -> Any:
        found = read(*given)
        if theirs:
            bao.put(mount, "shop", theirs.pop(0))
        return found

    monkeypatch.setattr(engines, "read_v2", read_before_somebody_writes)
    assert await Vault(bao.url, bao.root).add(f"{mount}/shop", "B", "2") is False
    assert bao.versions(mount, "shop")[-1] == {"A": "1", "THEIRS": "x", "B": "2"}
    theirs += [{"N": str(number)} for number in range(10)]
    with pytest.raises(ConflictError, match=f"'{mount}/shop' changes all the time"):
        await Vault(bao.url, bao.root).add(f"{mount}/shop", "B", "3")


async def test_a_deleted_secret_begins_anew(bao: OpenBao) -> None:
    mount = bao.kv()
    bao.put(mount, "team/shop", {"OLD": "1"})
    bao.client.secrets.kv.v2.delete_latest_version_of_secret("team/shop", mount_point=mount)
    await Vault(bao.url, bao.root).add(f"{mount}/team/shop", "NEW", "2")
    assert bao.versions(mount, "team/shop") == [None, {"NEW": "2"}]


async def test_an_engine_of_version_1_keeps_the_other_keys_too(bao: OpenBao) -> None:
    mount = bao.kv(1)
    vault = Vault(bao.url, bao.root)
    await vault.add(f"{mount}/shop", "A", "1")
    await vault.add(f"{mount}/shop", "B", "2")
    assert bao.client.secrets.kv.v1.read_secret("shop", mount_point=mount)["data"] == {"A": "1", "B": "2"}


@pytest.mark.parametrize("version", [1, 2])
async def test_a_token_that_may_only_write_secrets_is_enough(bao: OpenBao, version: int) -> None:
    mount = bao.kv(version)
    token = bao.token(f'path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}')
    config = {"vault": {"baseUrl": bao.url, "token": token, "kvVersion": version}}
    assert await Vault.of(config).add(f"{mount}/shop", "A", "1") is False
    assert await Vault.of(config).add(f"{mount}/shop", "A", "1") is False


async def test_what_vault_refuses_is_said_in_its_words_with_what_to_do(bao: OpenBao) -> None:
    mount, pki = bao.kv(), bao.mount("pki")
    weak = bao.token(f'path "{mount}/data/other" {{ capabilities = ["create", "read", "update"] }}')
    with pytest.raises(AuthenticationError, match=r"Vault refused: permission denied; .*has expired.*'vault\.token'"):
        await Vault(bao.url, "wrong").add(f"{mount}/other", "A", "1")
    with pytest.raises(NotAllowedError, match=r"permission denied; .*no policy for it; the operator has to extend"):
        await Vault(bao.url, weak).add(f"{mount}/shop", "A", "1")
    with pytest.raises(InputError, match=f"'{pki}' is a mount of type 'pki'"):
        await Vault(bao.url, bao.root).add(f"{pki}/shop", "A", "1")
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        await Vault("http://127.0.0.1:1", "t").add("secrets/shop", "A", "1")


async def test_a_sealed_vault_says_who_has_to_act(bao: OpenBao) -> None:
    with bao.sealed(), pytest.raises(ServiceUnavailableError, match=r"sealed; the operator has to unseal it; .*again"):
        await Vault(bao.url, bao.root).add("secrets/shop", "A", "1")


@pytest.mark.parametrize("path", ["", "secrets", "secrets/", "secrets/../sys", "secrets/a//b", "./a"])
async def test_a_path_names_a_mount_and_a_place_in_it(path: str) -> None:
    with pytest.raises(InputError, match="must be '<mount>/<path>'"):
        await Vault("http://127.0.0.1:1", "t").add(path, "A", "1")


async def test_an_app_role_signs_in_for_a_call_and_out_again(bao: OpenBao, tmp_path: Path) -> None:
    mount, client = bao.kv(), bao.client
    client.sys.enable_auth_method("approle", path="roles")
    client.sys.create_or_update_policy("roles", f'path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}')
    client.auth.approle.create_or_update_approle("backstage", token_policies=["roles"], mount_point="roles")
    role_id = client.auth.approle.read_role_id("backstage", mount_point="roles")["data"]["role_id"]
    made: Any = client.auth.approle.generate_secret_id("backstage", mount_point="roles")
    (tmp_path / "secret-id").write_text(f"{made['data']['secret_id']}\n")
    tokens = len(client.auth.token.list_accessors()["data"]["keys"])
    auth = {"type": "appRole", "roleId": role_id, "authPath": "roles", "secretIdPath": str(tmp_path / "secret-id")}
    await Vault.of({"vault": {"baseUrl": bao.url, "auth": auth}}).add(f"{mount}/shop", "A", "1")
    assert bao.versions(mount, "shop") == [{"A": "1"}]
    assert len(client.auth.token.list_accessors()["data"]["keys"]) == tokens, "the token was given back"
    wrong = {**auth, "secretIdPath": None, "secretId": "wrong"}
    with pytest.raises(InputError, match="Vault refused: invalid role or secret"):
        await Vault.of({"vault": {"baseUrl": bao.url, "auth": wrong}}).add(f"{mount}/shop", "A", "1")


@pytest.mark.parametrize(
    ("section", "credentials"),
    [
        ({"token": "t"}, "t"),
        ({"token": {"type": "static", "secret": "t"}}, "t"),
        ({"auth": {"type": "static", "secret": "t"}}, "t"),
        ({"token": {"type": "kubernetes", "role": "r", "authPath": "k"}}, KubernetesLogin("r", "k")),
        ({"auth": {"type": "appRole", "roleId": "r", "secretId": "s"}}, AppRoleLogin("r", "s")),
    ],
)
def test_the_forms_of_the_backstage_plugin_are_read(section: dict[str, Any], credentials: object) -> None:
    assert Vault.of({"vault": {"baseUrl": "https://v/", **section}}) == Vault("https://v", credentials)  # type: ignore[arg-type]  # parametrized
    assert Vault.of({"rhdhVault": {"baseUrl": "https://v", "token": "t"}}).credentials == "t"


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({}, "baseUrl"),
        ({"token": "t"}, "baseUrl"),
        ({"baseUrl": "https://v"}, "token"),
        ({"baseUrl": "https://v", "token": "t", "kvVersion": 3}, "kvVersion"),
        ({"baseUrl": "https://v", "auth": {"type": "appRole", "roleId": "r"}}, "auth.secretId"),
    ],
)
def test_a_missing_or_wrong_setting_is_named(section: dict[str, Any], key: str) -> None:
    config = {"vault": section}
    with pytest.raises(SettingsError, match=rf"'vault\.{key}'"):
        Vault.of(config)


async def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"vault\.auth\.serviceAccountTokenPath"):
        await Vault("http://127.0.0.1:1", KubernetesLogin("r", token_path="/nowhere")).add("secrets/shop", "A", "1")
