"""What publishing many files costs beside plain git: python -m tests.benchmarks.publishing

5,000 files (10 MB) are committed and pushed to the sandbox over smart HTTP, by ``publish:github``'s own path and by
``git init``, ``add``, ``commit`` and ``push`` in a shell, in turns. The ratio of the medians is what counts.
"""

import asyncio
import contextlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from backstage_py import logging
from backstage_py.integrations import git
from backstage_py.sandbox.records import Repository
from backstage_py.sandbox.server import Sandbox, serve_sandbox

FILES, SIZE, TIMES = 5_000, 2_000, 5


def _write(folder: Path) -> None:
    words = [f"word{number}" for number in range(2_000)]
    for number in range(FILES):
        target = folder / f"d{number % 50}" / f"f{number}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(" ".join(random.choices(words, k=SIZE // 8)))


def _plain(folder: Path, url: str) -> None:
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@test"]
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        [*who, "commit", "-qm", "first"],
        ["push", "-q", url, "main"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, env=environment, capture_output=True)
    shutil.rmtree(folder / ".git")


async def _ours(folder: Path, url: str, token: str) -> None:
    await git.publish(
        folder,
        remote_url=url,
        branch="main",
        message="first",
        author=git.GitAuthor(),
        credentials=git.GitCredentials("x", token),
    )


async def _measured(sandbox: Sandbox, folder: Path) -> dict[str, float]:
    taken: dict[str, list[float]] = {"ours": [], "plain": []}
    for number in range(TIMES):
        for kind in ("ours", "plain") if number % 2 else ("plain", "ours"):
            name = f"{kind}{number}"
            await sandbox.store.create(Repository("acme", name))
            url = f"{sandbox.url}/acme/{name}.git"
            began = time.perf_counter()
            if kind == "ours":
                await _ours(folder, url, sandbox.token)
            else:
                await asyncio.to_thread(_plain, folder, url.replace("://", f"://x:{sandbox.token}@"))
            taken[kind].append(time.perf_counter() - began)
    return {kind: statistics.median(times) for kind, times in taken.items()}


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        logging.configure(level="error")
        work = Path(folder, "work")
        _write(work)
        async with serve_sandbox(Path(folder, "sandbox")) as sandbox:
            found = await _measured(sandbox, work)
    ratio = found["ours"] / found["plain"]
    said = {"files": FILES, **{name: round(value, 3) for name, value in found.items()}, "ratio": round(ratio, 2)}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    asyncio.run(_main())
