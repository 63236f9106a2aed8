"""A PostgreSQL server for tests: a cluster in a folder of its own, gone when the block is left."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.contract.harness import free_port

_UNPRIVILEGED = "postgres"  # the server refuses to run as root; Debian's package brings this user
_FAST = "-c fsync=off -c full_page_writes=off -c max_connections=100 -c shared_buffers=32MB"
_FORGETFUL = "-c synchronous_commit=off"  # a server that ends at once loses what it had just said to be committed
_HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that answers on a port of 127.0.0.1, and of ``host`` if that is another address.

    Attributes:
        folder: of its files.
        programs: the folder of its programs.
        options: of its command line.
    """

    port: int
    host: str
    folder: Path
    programs: Path
    options: str

    @property
    def admin(self) -> str:
        """How its administrator connects."""
        return self._address("postgres")

    def new_database(self, name: str, template: str = "template1") -> str:
        """Create a database, an empty one unless a template is named, and return its URL.

        One of that name, of a test's first try, goes before.
        """
        with self.connect("postgres") as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return f"postgresql+psycopg://test@127.0.0.1:{self.port}/{name}"

    def connect(self, database: str) -> "psycopg.Connection[psycopg.rows.TupleRow]":
        """Return a connection of the driver."""
        return psycopg.connect(self._address(database), autocommit=True)

    def initialize(self) -> None:
        """Make the files of an empty server; tests copy what the first one of their run was given."""
        run = os.environ.get("BACKSTAGE_PY_RUN_FOLDER")
        if run is None:
            self._initialize()
            return
        whole, data = Path(run, "postgres-data"), self.folder / "data"
        with whole.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                self._initialize()
                subprocess.run(["cp", "-a", str(data), str(whole)], check=True)
                return
        subprocess.run(["cp", "-a", str(whole), str(data)], check=True)

    def _initialize(self) -> None:
        self._run("initdb", "-U", "test", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        with (self.folder / "data/pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\n")

    def start(self) -> None:
        """Start it and return when it answers."""
        addresses = _HERE if self.host == _HERE else f"{_HERE},{self.host}"
        where = f"-p {self.port} -k {self.folder} -c listen_addresses={addresses}"
        self._run("pg_ctl", "-w", "-o", f"{where} {self.options}", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: ``immediate`` as a crash would, ``fast`` as an operator does."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def pause(self) -> None:
        """Stop all its processes where they are: connections stay open, new ones are taken, nobody answers."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        for process in reversed(self._processes()):
            os.kill(process, signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return (self.folder / "data/postmaster.pid").exists()

    def _processes(self) -> Sequence[int]:
        main = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *map(int, children)]

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        user = _UNPRIVILEGED if os.geteuid() == 0 else None
        output = self.folder / "output"
        with output.open("a") as log:  # not a pipe: the server would keep it open
            done = subprocess.run(command, cwd=self.folder, user=user, group=user, stdout=log, stderr=log, check=False)
        assert done.returncode == 0, output.read_text()

    def _address(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=test dbname={database}"


@contextlib.contextmanager
def postgres(host: str = _HERE, *, is_lasting: bool = False) -> Iterator[Postgres]:
    """Run a server, or skip the test when there is none on this machine.

    It trusts who connects to 127.0.0.1; who comes to another ``host`` of this machine needs a password.

    Args:
        host: see there.
        is_lasting: what is committed outlives a server that ends at once; without, commits are faster.
    """
    programs = _programs()
    if programs is None:
        pytest.skip("a PostgreSQL server is missing (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="backstage-py-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _UNPRIVILEGED)
    server = Postgres(free_port(), host, folder, programs, _FAST if is_lasting else f"{_FAST} {_FORGETFUL}")
    try:
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            if server.is_running:
                server.stop()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    """Return the folder of the server's programs; Debian does not put it on the path."""
    found = shutil.which("pg_ctl")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    candidates = [Path(found)] if found else installed[-1:]
    return candidates[0].resolve().parent if candidates else None
