"""What runs in the child process of ``cookiecutter``: render one template, and write nowhere but into its output.

Templates and their values are untrusted. Jinja runs in its sandbox, so that no expression reaches Python; and an
audit hook, which nothing in the process can take away, refuses to write outside the folder, to start programs unless
hooks are allowed, and to open connections.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

_CHANGES = frozenset(
    {
        "os.mkdir",
        "os.remove",
        "os.rmdir",
        "os.chmod",
        "os.chown",
        "os.truncate",
        "os.utime",
        "shutil.rmtree",
    }
)
_MOVES = frozenset({"os.rename", "os.link", "os.symlink"})
_STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"})
_TALKS = frozenset({"socket.connect", "socket.bind", "socket.getaddrinfo"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """Read the job from standard input and do it; errors go to standard error, one line."""
    job = json.loads(sys.stdin.read())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what cookiecutter and hooks say is nobody's answer
    from cookiecutter import main as cookiecutter_main
    from cookiecutter import utils

    utils.StrictEnvironment = _sandboxed()
    _guard(str(Path.cwd()), allow_programs=bool(job["hooks"]))
    try:
        cookiecutter_main.cookiecutter(
            job["template"], no_input=True, output_dir=job["output"], default_config=True, accept_hooks=job["hooks"]
        )
    except Exception as error:  # noqa: BLE001  # the edge of a process: whatever it was, its words are the answer
        sys.stderr.write(f"{type(error).__name__}: {error}")
        sys.exit(1)


def _sandboxed() -> type:
    from cookiecutter.environment import ExtensionLoaderMixin
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Environment(ExtensionLoaderMixin, ImmutableSandboxedEnvironment):  # type: ignore[misc]  # no types published
        def __init__(self, **options: Any) -> None:
            super().__init__(undefined=StrictUndefined, **options)

    return Environment


def _guard(folder: str, *, allow_programs: bool) -> None:
    root = os.path.realpath(folder)

    def refuse_outside(path: object) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]  # audit events give str, bytes or a path
        if real not in {root, os.devnull} and not real.startswith(root + os.sep):
            raise PermissionError(f"a template may not write to {real}")

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & _WRITING):
                refuse_outside(path)
        elif event in _CHANGES:
            refuse_outside(arguments[0])
        elif event in _MOVES:
            refuse_outside(arguments[1])
        elif event in _TALKS or (event in _STARTS and not allow_programs):
            raise PermissionError("a template may not start programs or open connections")

    sys.addaudithook(audit)
