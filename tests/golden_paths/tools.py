"""Programs that come as Python packages, beside the interpreter that runs the tests."""

import os
import subprocess
import sys
from pathlib import Path


def run(program: str, *arguments: str | Path, folder: Path, **variables: str) -> str:
    """Run a program, one of there or by its path, and return what it prints; it has to succeed."""
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{program}:\n{done.stdout}{done.stderr}"
    return done.stdout
