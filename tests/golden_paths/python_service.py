"""A produced Python service, with an environment that has what its lock names and nothing else."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.golden_paths import produced, tools


@dataclass(frozen=True)
class Service:
    """The repository, and the environment."""

    folder: Path
    environment: Path

    def run(self, *command: str) -> str:
        """Run a command as its developers do; it has to succeed."""
        ours = ("COV_", "MYPY", "PYTEST", "PYTHON")
        keep = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = os.pathsep.join([str(self.environment / "bin"), os.environ["PATH"]])
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=keep | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        return done.stdout


def environment(folder: Path) -> Path:
    """Make an environment with what the skeleton's lock for developers names."""
    tools.run("uv", "venv", "--quiet", "--clear", "--no-config", "--python", sys.executable, folder, folder=folder)
    lock = produced.skeleton("python") / "requirements-dev.txt"
    options = ("--quiet", "--no-config", "--require-hashes", "--python", folder / "bin/python")
    tools.run("uv", "pip", "install", *options, "--requirement", lock, folder=folder)
    return folder
