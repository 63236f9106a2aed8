"""``backstage-py migrate``, as a job that runs before new replicas start."""

import json
import subprocess
import sys
from pathlib import Path

from backstage_py.storage import migrate

CONFIG = "backend: {database: {client: better-sqlite3, connection: {filename: ./db.sqlite}}}\n"


def run(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "backstage_py.cli", "migrate", "--config", str(folder / "app-config.yaml")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_it_makes_the_tables_once_and_says_from_where_to_where(tmp_path: Path) -> None:
    (tmp_path / "app-config.yaml").write_text(CONFIG, encoding="utf-8")
    newest = migrate.revisions()[-1]
    for before in (None, newest):
        done = run(tmp_path)
        assert done.returncode == 0, done.stderr
        said = json.loads((done.stdout + done.stderr).splitlines()[-1])
        assert (said["event"], said["before"], said["revision"]) == ("database_migrated", before, newest)


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "app-config.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "db.sqlite").write_bytes(b"no database" * 100)
    before = (tmp_path / "db.sqlite").read_bytes()
    done = run(tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "database" in done.stderr
    assert (tmp_path / "db.sqlite").read_bytes() == before
