"""Images for pods of tests, made of the machine's own programs and the libraries that these load.

They bear the names of public images that hold the same programs, so that manifests also run on a cluster that can pull.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

POSTGRES = "docker.io/library/postgres:16"
"""A shell with the usual commands, and ``psql``."""

_COMMANDS = ("sh", "sleep", "cat", "echo", "ls", "env", "true", "false", "seq", "date", "grep")


def postgres_root(folder: Path) -> Path:
    """Lay out what ``POSTGRES`` holds."""
    psql = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    if not psql:
        pytest.skip("PostgreSQL's psql is missing (Debian: postgresql-client)")
    return root(folder, [*(_program(name) for name in _COMMANDS), psql[-1]])


def root(folder: Path, programs: list[Path]) -> Path:
    """Copy programs to ``/bin`` of a folder, and what they load to where they look for it."""
    for program in programs:
        _copy(program.resolve(), folder / "bin" / program.name)
        for library in re.findall(r"(/\S+)", _linked(program)):
            _copy(Path(library).resolve(), folder / library.lstrip("/"))
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc" / "passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    return folder


def _program(name: str) -> Path:
    found = shutil.which(name)
    assert found, name
    return Path(found)


def _linked(program: Path) -> str:
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return "\n".join(line.replace(f"{program}:", "") for line in done.stdout.splitlines())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy2(source, target)
