from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import (
    ConflictError,
    InputError,
    NotAllowedError,
    ServiceUnavailableError,
    SettingsError,
)
from backstage_py.integrations.vault import KubernetesLogin, Vault
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.integrations import vault_server
from tests.integrations.vault_server import TOKEN, VaultServer

KV2 = {"type": "kv", "options": {"version": "2"}}


@pytest.fixture
async def server() -> AsyncIterator[VaultServer]:
    async with vault_server.serve() as running:
        yield running


async def test_the_action_adds_keys_to_a_secret_and_makes_the_engine(server: VaultServer, tmp_path: Path) -> None:
    config = {"vault": {"baseUrl": server.url, "token": TOKEN}}
    task = Task(tmp_path, Services(config=config))
    result = await task.run("vault:add-secret", {"path": "secrets/shop", "key": "PASSWORD", "value": "hunter2"})
    made = server.mounts["secrets"]
    assert (made["type"], made["options"]) == ("kv", {"version": "2"})
    assert result.log.messages == ["Created mount path secrets.", "Added the key PASSWORD to secrets/shop"]
    await task.run("vault:add-secret", {"path": "secrets/shop", "key": "USER", "value": "shop"})
    assert server.current("secrets/shop") == {"PASSWORD": "hunter2", "USER": "shop"}


async def test_a_write_of_somebody_else_is_not_lost(server: VaultServer) -> None:
    server.mounts["secrets"] = KV2
    server.secrets["secrets/shop"] = [{"A": "1"}]
    server.written_between = [{"A": "1", "THEIRS": "x"}]
    assert await Vault(server.url, TOKEN).add("secrets/shop", "B", "2") is False
    assert server.current("secrets/shop") == {"A": "1", "THEIRS": "x", "B": "2"}
    server.written_between = [{"N": str(number)} for number in range(10)]
    with pytest.raises(ConflictError, match="'secrets/shop' changes all the time"):
        await Vault(server.url, TOKEN).add("secrets/shop", "B", "2")


async def test_a_deleted_secret_begins_anew(server: VaultServer) -> None:
    server.mounts["secrets"] = KV2
    server.secrets["secrets/team/shop"] = [{"OLD": "1"}, None]
    await Vault(server.url, TOKEN).add("secrets/team/shop", "NEW", "2")
    assert server.secrets["secrets/team/shop"] == [{"OLD": "1"}, None, {"NEW": "2"}]


async def test_an_engine_of_version_1_keeps_the_other_keys_too(server: VaultServer) -> None:
    server.mounts["old"] = {"type": "kv", "options": None}
    vault = Vault(server.url, TOKEN)
    await vault.add("old/shop", "A", "1")
    await vault.add("old/shop", "B", "2")
    assert server.current("old/shop") == {"A": "1", "B": "2"}


@pytest.mark.parametrize(("version", "mount"), [(1, {"type": "kv"}), (2, KV2)])
async def test_a_token_that_may_only_write_secrets_is_enough(
    server: VaultServer, version: int, mount: dict[str, Any]
) -> None:
    server.mounts["secrets"] = mount
    server.denied.add("sys/mounts/secrets")
    config = {"vault": {"baseUrl": server.url, "token": TOKEN, "kvVersion": version}}
    assert await Vault.of(config).add("secrets/shop", "A", "1") is False
    assert server.current("secrets/shop") == {"A": "1"}


async def test_what_vault_refuses_is_said_in_its_words(server: VaultServer) -> None:
    server.mounts.update(pki={"type": "pki", "options": {}}, secrets=KV2)
    server.denied.add("secrets/data/shop")
    with pytest.raises(NotAllowedError, match="Vault refused: permission denied"):
        await Vault(server.url, "wrong").add("secrets/other", "A", "1")
    with pytest.raises(NotAllowedError, match="permission denied"):
        await Vault(server.url, TOKEN).add("secrets/shop", "A", "1")
    with pytest.raises(InputError, match="'pki' is a mount of type 'pki'"):
        await Vault(server.url, TOKEN).add("pki/shop", "A", "1")
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        await Vault("http://127.0.0.1:1", TOKEN).add("secrets/shop", "A", "1")


@pytest.mark.parametrize("path", ["", "secrets", "secrets/", "secrets/../sys", "secrets/a//b", "./a"])
async def test_a_path_names_a_mount_and_a_place_in_it(path: str) -> None:
    with pytest.raises(InputError, match="must be '<mount>/<path>'"):
        await Vault("http://127.0.0.1:1", TOKEN).add(path, "A", "1")


async def test_a_pod_signs_in_with_its_service_account(server: VaultServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pod\n")
    auth = {"type": "kubernetes", "role": "backstage", "serviceAccountTokenPath": str(tmp_path / "token")}
    vault = Vault.of({"vault": {"baseUrl": server.url, "auth": auth}})
    await vault.add("secrets/shop", "A", "1")
    assert server.current("secrets/shop") == {"A": "1"}
    with pytest.raises(SettingsError, match=r"vault\.auth\.serviceAccountTokenPath"):
        await Vault(server.url, KubernetesLogin("backstage", token_path="/nowhere")).add("secrets/shop", "A", "1")


@pytest.mark.parametrize(
    ("section", "credentials"),
    [
        ({"token": "t"}, "t"),
        ({"token": {"type": "static", "secret": "t"}}, "t"),
        ({"auth": {"type": "static", "secret": "t"}}, "t"),
        ({"token": {"type": "kubernetes", "role": "r", "authPath": "k"}}, KubernetesLogin("r", "k")),
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
    ],
)
def test_a_missing_or_wrong_setting_is_named(section: dict[str, Any], key: str) -> None:
    config = {"vault": section}
    with pytest.raises(SettingsError, match=rf"'vault\.{key}'"):
        Vault.of(config)
