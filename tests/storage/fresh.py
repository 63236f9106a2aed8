"""Fresh databases that have their tables: the migrations make them once for a run, and tests get copies."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backstage_py.storage import migrate
from backstage_py.storage.database import Database
from tests.storage.postgres import Postgres

_TABLES = "tables"


def on(server: Postgres, name: str) -> str:
    """Create a database that has its tables on a server, and return its URL."""
    with server.connect("postgres") as connection:
        is_made = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TABLES]).fetchone()
    if not is_made:
        with ThreadPoolExecutor(1) as aside:  # a loop may run here
            aside.submit(asyncio.run, _make(server.new_database(_TABLES))).result()
    return server.new_database(name, _TABLES)


async def upgrade(database: Database) -> None:
    """Bring a database to the current tables, as ``migrate.upgrade`` does; a new file of SQLite becomes a copy."""
    run = os.environ.get("BACKSTAGE_PY_RUN_FOLDER")
    if run is None or database.path is None or database.path.exists():
        await migrate.upgrade(database)
    else:
        await asyncio.to_thread(_copy, Path(run, "tables.sqlite"), database.path)


def _copy(whole: Path, path: Path) -> None:
    with whole.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            part = whole.with_suffix(".part")
            asyncio.run(_make(f"sqlite:///{part}"))
            part.replace(whole)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = shutil.copyfile(whole, Path(folder, "part"))
        with contextlib.suppress(FileExistsError):  # another process was faster
            path.hardlink_to(part)


async def _make(url: str) -> None:
    async with Database(url).running() as database:
        await migrate.upgrade(database)
