"""Starting, stopping and reaching a sandbox."""

import asyncio
import signal
import socket
from pathlib import Path

import aiohttp
import pytest
import uvloop

from backstage_py.sandbox.server import Sandbox, serve_sandbox
from backstage_py.sandbox.settings import SandboxSettings
from tests.sandbox.harness import Client, new_tree, with_token


async def test_two_entries_of_configuration_send_clients_here(sandbox: Sandbox) -> None:
    hosts = {entry["host"]: entry for entry in sandbox.integrations}
    assert set(hosts) == {"github.com", sandbox.url.removeprefix("http://")}
    for entry in hosts.values():
        assert entry["apiBaseUrl"] == sandbox.api_url
        assert entry["rawBaseUrl"] == sandbox.raw_url
        assert entry["token"] == sandbox.token


async def test_a_taken_port_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"127.0.0.1:{port} .*choose another port"):
            async with serve_sandbox(tmp_path, port=port):
                pass


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org", "10.0.0.1", "::"])
async def test_only_loopback_is_served(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        async with serve_sandbox(tmp_path, host):
            pass


async def test_a_foreign_host_name_is_refused(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(sandbox.url, headers={"Host": "evil.example.org"}) as answer:
            assert answer.status == 400
        async with session.get(sandbox.url) as answer:
            assert answer.status == 200


async def test_stopping_leaves_no_connection_and_no_signal_handler(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serve_sandbox(tmp_path) as sandbox:
        assert signal.getsignal(signal.SIGTERM) is before
        url = sandbox.url
    port = int(url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_sandbox_that_is_left_at_once_stops(tmp_path: Path) -> None:
    async with serve_sandbox(tmp_path):
        pass
    assert (tmp_path / "repositories").is_dir()


def test_the_loop_that_the_service_runs_on_serves_it_too(tmp_path: Path) -> None:
    async def work() -> None:
        async with serve_sandbox(tmp_path / "sandbox") as sandbox, aiohttp.ClientSession() as session:
            client = Client(sandbox, session)
            created = await client.create()
            tree = await new_tree(tmp_path / "tree")
            await tree.commit({"a": "1", "large": bytes(range(256)) * 4096})
            await tree.git("push", "--quiet", with_token(created["clone_url"], sandbox.token), "main")
            reads = [
                client.send("GET", f"/repos/org/svc/{path}") for path in ("contents/a", "contents", "commits") * 15
            ]
            assert {answer.status for answer in await asyncio.gather(*reads)} == {200}
            refused = await tree.try_git("push", with_token(created["clone_url"], "wrong"), "main")
            assert refused.code != 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


@pytest.mark.parametrize("url", ["127.0.0.1:80", "http://127.0.0.1/", "ftp://127.0.0.1", "http://"])
def test_a_base_url_with_a_path_or_no_host_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        SandboxSettings(tmp_path, url, {"t": "ada"})


def test_settings_do_not_show_tokens(tmp_path: Path) -> None:
    assert "hidden" not in repr(SandboxSettings(tmp_path, "http://127.0.0.1:1", {"hidden": "ada"}))
