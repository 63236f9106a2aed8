"""The service with the recorded calls of a real Backstage replayed against it.

The kit's fixture server has a fixed port, which is part of the recordings: a lock lets one test use it at a time.
"""

import fcntl
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.contract.harness import KIT, free_port, start
from tests.contract.releases import RELEASE

CONFIG = Path(__file__).with_name("app-config.yaml")
CHANGES_CONFIG = Path(__file__).with_name("app-config.changes.yaml")


@pytest.fixture
def replayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return verdicts and answers of the recorded calls, by name."""
    found = once(request, tmp_path_factory, "kit", replay)
    return {one["name"]: one for one in read(found)["results"]}


@pytest.fixture
def changed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the answers to the calls that show what changed between releases, by name."""
    return read(once(request, tmp_path_factory, "changes", replay_changes))


def once(
    request: pytest.FixtureRequest, factory: pytest.TempPathFactory, name: str, run: Callable[[Path, Path], None]
) -> Path:
    """Return the file that a replay wrote; the processes of a run share one, and tries after a failure another."""
    shared = Path(os.environ["BACKSTAGE_PY_RUN_FOLDER"])
    number = getattr(request.node, "execution_count", 1)
    out, part = shared / f"{name}-{number}.json", shared / f"{name}-{number}.part"
    with fixed_port():
        if not out.exists():
            run(factory.mktemp(name), part)
            part.replace(out)
    return out


@functools.cache
def read(file: Path) -> dict[str, Any]:
    """Return what a file has, which changes no more."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


@contextmanager
def fixed_port() -> Iterator[None]:
    """Have the port of the kit's fixture server to oneself until the block is left."""
    with (Path(tempfile.gettempdir()) / "backstage-py-kit.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replay(folder: Path, out: Path) -> None:
    """Replay every recorded call and write the verdicts."""
    options = ("--guest", "--quiet", "--release", RELEASE, "--json", str(out))
    ask(folder, out, lambda url: ("replay.py", url, *options), CONFIG)


def replay_changes(folder: Path, out: Path) -> None:
    """Send the calls of ``changes.py`` and write the answers."""
    ask(folder, out, lambda url: ("changes.py", url, str(out)), CONFIG, CHANGES_CONFIG)


def ask(folder: Path, out: Path, script: Callable[[str], Sequence[str]], *configs: Path) -> None:
    """Start the service on a fresh database and let a script of the kit, which writes ``out``, ask it."""
    port = free_port()
    env = {"KIT_PORT": str(port), "KIT_FOLDER": str(folder), "KIT": str(KIT)}
    more = [word for config in configs[1:] for word in ("--config", str(config))]
    service = start(folder, configs[0], *more, port=port, env=env)
    try:
        name, *arguments = script(service.url)
        done = subprocess.run(
            [sys.executable, str(KIT / name), *arguments], capture_output=True, text=True, check=False
        )
        assert out.exists(), done.stderr
    finally:
        service.process.terminate()
        service.process.wait(patience.SECONDS)
