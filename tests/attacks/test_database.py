"""A database that is broken, locked or gone is told in a sentence: at the start, and to whoever calls."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backstage_py.errors import BackstageError, ServiceUnavailableError, SettingsError
from backstage_py.settings.sections import AuthSettings, ScaffolderSettings
from backstage_py.storage import migrate, sqlite
from backstage_py.storage.database import Database
from tests import patience
from tests.contract.harness import free_port
from tests.http.scaffolder_site import get, post, site
from tests.scaffolder.harness import template, world
from tests.storage.postgres import Postgres, postgres


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 500)


def folder(path: Path) -> None:
    path.mkdir()


def of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE tasks (x)")


def of_a_later_version_of_another(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("INSERT INTO alembic_version VALUES ('abc')")


def below_a_file(path: Path) -> None:
    path.parent.write_bytes(b"")


def serve(tmp_path: Path, connection: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "app-config.yaml").write_text(
        f"backend:\n  listen: {free_port()}\n  database: {connection}\nscaffolder: {{}}\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "backstage_py.cli", "serve"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=patience.SECONDS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (garbage, "damaged"),
        (folder, "cannot be opened"),
        (of_another_program, "other tables"),
        (of_a_later_version_of_another, "other tables"),
        (below_a_file, "cannot be made"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_a_sentence(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / ("below" if make is below_a_file else "") / "x.sqlite"
    make(path)
    done = serve(tmp_path, f"{{client: better-sqlite3, connection: '{path}'}}")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert words in done.stderr
    assert "backend.database.connection" in done.stderr


@pytest.mark.thorough
def test_a_server_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    url = f"postgresql://u:hidden@127.0.0.1:{free_port()}/x"
    done = serve(tmp_path, f"{{client: pg, connection: '{url}', patience: 3s}}")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert "does not answer" in done.stderr
    assert "hidden" not in done.stdout + done.stderr


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.2)


async def test_a_database_that_is_locked_is_503_and_then_answers_again(tmp_path: Path, short_patience: None) -> None:
    async with world(tmp_path, start=False) as w:
        app = site(w)
        ref = w.catalog.add(template())
        wanted = {"templateRef": ref, "values": {}}
        held = sqlite3.connect(tmp_path / "tasks.sqlite", isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            for answer in await asyncio.gather(*(post(app, "/v2/tasks", wanted) for _ in range(5))):
                assert (answer.status, answer.json["error"]["name"]) == (503, "ServiceUnavailableError")
                assert answer.headers["retry-after"]
        assert (await get(app, "/v2/tasks")).status == 200  # readers are not held up
        held.execute("ROLLBACK")
        held.close()
        assert (await post(app, "/v2/tasks", wanted)).status == 201


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.mark.thorough
async def test_a_lock_that_postgresql_waits_for_too_long_is_503(server: Postgres) -> None:
    url = server.new_database("locked")
    async with Database(url).running() as database:
        await migrate.upgrade(database)
        holder = database.engine.connect()
        holder.exec_driver_sql("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")

        def count(connection: object) -> None:
            connection.exec_driver_sql("SET lock_timeout = 100")  # type: ignore[attr-defined]  # a connection
            connection.exec_driver_sql("SELECT count(*) FROM tasks")  # type: ignore[attr-defined]  # as above

        with pytest.raises(ServiceUnavailableError, match="locked"):
            await database.read(count)
        holder.close()
        await database.read(count)


async def test_a_database_that_is_not_on_the_server_is_named(server: Postgres) -> None:
    url = server.new_database("there").replace("there", "not-there")
    async with Database(url).running() as database:
        with pytest.raises(BackstageError, match="not-there"):
            await migrate.upgrade(database)


@pytest.mark.thorough
async def test_a_key_of_32_bytes_is_taken_and_no_shorter(tmp_path: Path) -> None:
    for n, key in enumerate(["k" * 32, "é" * 16]):
        async with world(tmp_path / str(n), settings=ScaffolderSettings(secrets_key=key), start=False):
            pass
    with pytest.raises(SettingsError, match=r"scaffolder\.secretsKey.*32 random bytes"):
        async with world(tmp_path / "a", settings=ScaffolderSettings(secrets_key="k" * 31), start=False):
            pass
    with pytest.raises(SettingsError, match=r"auth\.keyEncryptionKeys\[1\].*32 random bytes"):
        async with world(tmp_path / "b", auth=AuthSettings(wrapping_keys=("k" * 32, "short")), start=False):
            pass
    (tmp_path / "c").mkdir()
    (tmp_path / "c/tasks.sqlite-key").touch(0o600)
    with pytest.raises(SettingsError, match="less than 32 bytes"):
        async with world(tmp_path / "c", start=False):
            pass
