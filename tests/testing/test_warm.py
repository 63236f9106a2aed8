"""Processes that tests fork from a prepared one are as those that Python starts."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "tests.testing.mirror"]
ROOT = Path(__file__).resolve().parents[2]
ANEW = {"umask": 0o022}
"""What no fork takes over."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")


def outcome(*arguments: str, **options: Any) -> tuple[int, Any, list[str]]:
    """Return the status of the mirror, what it saw, and the last thing that it said."""
    common = {"input": "given", "capture_output": True, "text": True, "cwd": ROOT, "env": dict(os.environ)}
    done = subprocess.run([*COMMAND, *arguments], check=False, **{**common, **options})
    return done.returncode, json.loads(done.stdout), done.stderr.splitlines()[-1:]


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize("how", ["0", "3", "words", "error", "SIGTERM", "SIGKILL", "SIGINT"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"start_new_session": True, "env": {**os.environ, "TZ": "Asia/Tokyo", "PYTHONPATH": "/nowhere:/else"}},
    ],
    ids=["plain", "apart"],
)
def test_a_fork_is_like_a_start(how: str, options: dict[str, Any]) -> None:
    forked, started = outcome(how, "more", **options), outcome(how, "more", **options, **ANEW)
    programs = [one[1].pop("program") for one in (forked, started)]

    keys = forked[1].keys() | started[1].keys()
    assert [key for key in keys if forked[1].get(key) != started[1].get(key)] == []
    assert (forked[0], forked[2]) == (started[0], started[2])
    assert [Path("warm.py").name in one for one in programs] == [True, False]


async def test_it_is_signalled_and_waited_for(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "0", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    process.send_signal(signal.SIGTERM)

    assert await process.wait() == -signal.SIGTERM
