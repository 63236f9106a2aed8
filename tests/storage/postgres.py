"""A PostgreSQL server for tests: a cluster in a folder of its own, gone when the block is left."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.contract.harness import free_port

_UNPRIVILEGED = "postgres"  # the server refuses to run as root; Debian's package brings this user
_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60 -c shared_buffers=32MB"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that answers on a port of 127.0.0.1, and of ``host`` if that is another address."""

    port: int
    host: str = "127.0.0.1"

    @property
    def admin(self) -> str:
        """How its administrator connects."""
        return self._address("postgres")

    def new_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql+psycopg://test@127.0.0.1:{self.port}/{name}"

    def _address(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=test dbname={database}"


@contextlib.contextmanager
def postgres(host: str = "127.0.0.1") -> Iterator[Postgres]:
    """Run a server, or skip the test when there is none on this machine.

    It trusts who connects to 127.0.0.1; who comes to another ``host`` of this machine needs a password.
    """
    programs = _programs()
    if programs is None:
        pytest.skip("a PostgreSQL server is missing (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="backstage-py-pg-"))
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(data), *arguments]
        output = folder / "output"
        with output.open("a") as log:  # not a pipe: the server would keep it open
            done = subprocess.run(command, cwd=folder, user=user, group=user, stdout=log, stderr=log, check=False)
        assert done.returncode == 0, output.read_text()

    try:
        run("initdb", "-U", "test", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        addresses = "127.0.0.1" if host == "127.0.0.1" else f"127.0.0.1,{host}"
        run("pg_ctl", "-w", "-o", f"-p {port} -k {folder} -c listen_addresses={addresses} {_FAST}", "start")
        try:
            yield Postgres(port, host)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    """Return the folder of the server's programs; Debian does not put it on the path."""
    found = shutil.which("pg_ctl")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    candidates = [Path(found)] if found else installed[-1:]
    return candidates[0].resolve().parent if candidates else None
