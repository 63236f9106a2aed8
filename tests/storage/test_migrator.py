"""Migrations at a service's start, in a process of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from backstage_py.storage import migrate

_START = """
import asyncio, sys
from pathlib import Path
from backstage_py.settings import load_settings
from backstage_py.storage import migrate
from backstage_py.wiring import database, migrator

async def start(settings, migrations):
    async with database.opened(settings) as (settings, store):
        await database.migrated(store, settings.backend, migrations.upgrade)
        print(await migrate.current(store), "alembic" in sys.modules)

settings = load_settings([Path(sys.argv[1])], {})
with migrator.forked(settings) as migrations:
    asyncio.run(start(settings, migrations))
"""


def _start(folder: Path, filename: str) -> "subprocess.CompletedProcess[str]":
    file = folder / "app-config.yaml"
    file.write_text(
        f"backend: {{database: {{client: better-sqlite3, connection: {{filename: '{filename}'}}}}}}\n", encoding="utf-8"
    )
    command = [sys.executable, "-c", _START, str(file)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.thorough
@pytest.mark.parametrize("filename", ["./db.sqlite", ":memory:"])
def test_the_service_has_its_tables_and_not_what_made_them(tmp_path: Path, filename: str) -> None:
    done = _start(tmp_path, filename)
    assert (done.stdout, done.stderr) == (f"{migrate.revisions()[-1]} False\n", "")


@pytest.mark.thorough
def test_what_fails_there_is_said_by_the_service(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite").write_bytes(b"no database" * 100)
    done = _start(tmp_path, "./db.sqlite")
    assert done.returncode == 1
    assert "DatabaseError: The database is damaged" in done.stderr
