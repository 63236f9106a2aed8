"""Fresh databases that have their tables: the migrations make them once for a run, and tests get copies."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from backstage_py.storage import migrate
from backstage_py.storage.database import Database


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
            asyncio.run(_make(whole))
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = shutil.copyfile(whole, Path(folder, "part"))
        with contextlib.suppress(FileExistsError):  # another process was faster
            path.hardlink_to(part)


async def _make(whole: Path) -> None:
    part = whole.with_suffix(".part")
    async with Database(f"sqlite:///{part}").running() as database:
        await migrate.upgrade(database)
    part.replace(whole)
