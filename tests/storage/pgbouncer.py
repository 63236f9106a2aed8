"""A pgbouncer before a PostgreSQL server of a test: each transaction may have another connection to the server."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import patience
from tests.contract.harness import free_port
from tests.storage.postgres import Postgres

_UNPRIVILEGED = "postgres"  # it refuses to run as root, as the server does


@contextlib.contextmanager
def pgbouncer(server: Postgres, *, connections: int = 3) -> Iterator[int]:
    """Run one with few connections to the server and yield its port, or skip the test when there is none."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is missing (Debian: pgbouncer)")
    folder, port = Path(tempfile.mkdtemp(prefix="backstage-py-bouncer-")), free_port()
    (folder / "users.txt").write_text('"test" ""\n')
    (folder / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"* = host=127.0.0.1 port={server.port}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {folder}/users.txt\n"
        f"pool_mode = transaction\nmax_client_conn = 200\ndefault_pool_size = {connections}\n"
    )
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    with (folder / "output").open("w") as output:
        process = subprocess.Popen([program, str(folder / "pgbouncer.ini")], stderr=output, user=user, group=user)
    try:
        _wait(port, folder / "output")
        yield port
    finally:
        process.kill()  # it would wait for its clients to leave
        process.wait()
        shutil.rmtree(folder)


def _wait(port: int, output: Path) -> None:
    end = time.monotonic() + patience.SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"host=127.0.0.1 port={port} user=test dbname=postgres").close()
            return
        time.sleep(0.1)
    raise AssertionError(output.read_text())
