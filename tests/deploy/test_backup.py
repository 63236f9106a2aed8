"""The commands of docs/operators/upgrade.md: what is dumped and restored on PostgreSQL is the same service again."""

import json
import os
import re
import shlex
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.contract import harness
from tests.storage.postgres import Postgres, postgres

PAGE = Path(__file__).parents[2] / "docs/operators/upgrade.md"


def commands(program: str) -> list[list[str]]:
    """Return the command lines of the page that begin with a program."""
    found = re.findall(rf"\b{program} [^`\n]*", PAGE.read_text(encoding="utf-8"))
    return [shlex.split(one.partition("&&")[0]) for one in found]


def key_set(folder: Path, server: Postgres, wrapping_key: str) -> Any:
    """Return the keys that a service signs with, which starts on the server's database."""
    folder.mkdir()
    file = folder / "app-config.yaml"
    connection = f"postgresql://test@127.0.0.1:{server.port}/backstage_py"
    backend = {"database": {"client": "pg", "connection": connection}}
    file.write_text(json.dumps({"backend": backend, "auth": {"keyEncryptionKeys": [wrapping_key]}}), encoding="utf-8")
    with (
        harness.running(folder, file) as service,
        urllib.request.urlopen(f"{service.url}/api/auth/.well-known/jwks.json") as answer,
    ):
        return json.loads(answer.read())["keys"]


@pytest.mark.thorough
def test_a_restored_database_has_the_keys_for_whoever_has_the_wrapping_key(tmp_path: Path) -> None:
    (dump,), (create,), (restore,) = commands("pg_dump"), commands("createdb"), commands("pg_restore")

    with postgres() as server:
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "test"}

        def run(command: list[str]) -> None:
            program, *rest = command
            subprocess.run([server.programs / program, *rest], cwd=tmp_path, env={**os.environ, **where}, check=True)

        before = key_set(tmp_path / "before", server, "a" * 64)
        assert before
        run(dump)
        run(["dropdb", "--force", "backstage_py"])
        run(create)
        run(restore)

        assert key_set(tmp_path / "after", server, "a" * 64) == before
        with pytest.raises(AssertionError, match="did not start"):
            key_set(tmp_path / "other", server, "b" * 64)
