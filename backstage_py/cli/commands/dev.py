"""``backstage-py dev``: validates and renders whenever a file changes, and serves the API beside the sandbox."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

from backstage_py import threads
from backstage_py.cli import child, watching
from backstage_py.cli.cases import testcases
from backstage_py.cli.commands import action_tests
from backstage_py.cli.commands import test as test_command
from backstage_py.cli.commands.test import TestOptions
from backstage_py.cli.commands.validate import ValidateOptions, find
from backstage_py.cli.formats import text
from backstage_py.cli.local import own_actions, project
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import BackstageError
from backstage_py.lint import config as configs

_CHECKS = threads.Lane(1)
_KINDS = ["Component", "API", "Resource", "System", "Domain", "Location", "Template", "Group", "User"]
_STATE = ".backstage-py-dev"
_OFFERED = "templates.yaml"
_REREAD_SECONDS = 2
_STOP_SECONDS = 10.0


def serve_page(path: Path, own: Path, config: Sequence[Path], trust: Trust) -> int:
    """Serve the page and the API, in the process that ``run`` starts; return the exit status."""
    from backstage_py.cli.workbench import server

    return server.run(path, [own, *config], config, trust=trust, state=_STATE)


def run(path: Path, config: Sequence[Path], *, port: int, serves: bool, trust: Trust) -> int:
    """Watch until interrupted; return the exit status."""
    if not path.is_dir():
        sys.stderr.write(f"backstage-py: {path} is no folder; give the one that holds the templates\n")
        return 2
    try:
        asyncio.run(_dev(path.absolute(), config, trust, port=port, serves=serves))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _print("Stopped.")
    return 0


async def _dev(path: Path, config: Sequence[Path], trust: Trust, *, port: int, serves: bool) -> None:
    _end_on_sigterm()
    async with contextlib.AsyncExitStack() as stack:
        if serves:
            await stack.enter_async_context(_serving(path, config, trust, port))
        async for names in watching.changes([path]):
            if names:
                _print(f"\n{time.strftime('%H:%M:%S')} changed: {', '.join(names[:5])}")
            if names and serves:
                _register_templates(path)
            await check(path, trust)


async def check(path: Path, trust: Trust) -> bool:
    """Validate and test once, write what was found, and return whether all is well."""
    path = _relative(path)
    try:
        problems = await _CHECKS.run(partial(find, [path], ValidateOptions(trust=trust)))
    except BackstageError as error:
        _print(error.message)
        return False
    _print(text.render(problems).rstrip())
    well = not any(problem.severity == "error" for problem in problems)
    if testcases.find([path]):
        options = TestOptions(keep=path / _STATE / "rendered", trust=trust)
        well = await _CHECKS.run(partial(test_command.run, [path], options)) == 0 and well
    passed, said = await action_tests.run(path.absolute(), configs.find(path), trust)
    if said:
        _print(said)
    return well and passed


@contextlib.asynccontextmanager
async def _serving(path: Path, config: Sequence[Path], trust: Trust, port: int) -> AsyncIterator[None]:
    """Run ``backstage-py serve`` with the templates of the folder in its catalog, and the sandbox, until left."""
    state = path / _STATE
    state.mkdir(exist_ok=True)
    (state / ".gitignore").write_text("*\n", encoding="utf-8")
    own = state / "app-config.yaml"
    (state / "rendered").mkdir(exist_ok=True)
    port = _free(port)
    _register_templates(path)
    own.write_text(_config(path, config, trust, state, port), encoding="utf-8")
    arguments = [str(path), "--own", str(own), *(part for file in config for part in ("--config", str(file)))]
    if trust.everything:
        arguments.append("--trust")
    _print(f"Open http://127.0.0.1:{port} to see the templates, run them and record test cases")
    _print(f"The API is at http://127.0.0.1:{port}/api, rendered trees are in {state / 'rendered'}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "backstage_py.cli", "dev-page", *arguments, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        await child.stop(process, _STOP_SECONDS)


def _config(path: Path, config: Sequence[Path], trust: Trust, state: Path, port: int) -> str:
    from backstage_py.model import yaml

    own = own_actions.folder(configs.find(path), trust, config)
    return yaml.dump(
        {
            "backend": {
                "baseUrl": f"http://127.0.0.1:{port}",
                "logger": {"level": "warn"},
                "listen": {"host": "127.0.0.1", "port": port},
                "reading": {"fileRoots": [str(project.root_of(path))]},
                "database": {"client": "better-sqlite3", "connection": {"filename": str(state / "dev.sqlite")}},
                "workingDirectory": str(state),
            },
            "auth": {"providers": {"guest": {}}},
            "catalog": {
                "rules": [{"allow": _KINDS}],
                "locations": [{"type": "file", "target": str(state / _OFFERED)}],
                "processingInterval": {"seconds": _REREAD_SECONDS},
            },
            "scaffolder": {"reloadActions": True, **({"actionsFolder": str(own)} if own else {})},
            "sandbox": {"root": str(state / "sandbox")},
        }
    )


def _register_templates(path: Path) -> None:
    """Name all templates of the folder in the one location that the served catalog reads again every moment."""
    from backstage_py.model import yaml

    location = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": "templates"},
        "spec": {"type": "file", "targets": [str(file) for file in templates(path)]},
    }
    (path / _STATE / _OFFERED).write_text(yaml.dump(location), encoding="utf-8")


def _free(port: int) -> int:
    """Return the port, or a free one where it is 0 or taken."""
    try:
        with socket.create_server(("127.0.0.1", port)) as listener:
            return int(listener.getsockname()[1])
    except OSError:
        return _free(0) if port else 0


def templates(path: Path) -> list[Path]:
    """Return the template files below a folder."""
    from backstage_py.lint.discovery import candidates

    return [one.path for one in candidates([path]) if one.template]


def _end_on_sigterm() -> None:
    """End as on Ctrl-C, so that the service that was started does not outlive this process."""
    if (task := asyncio.current_task()) and sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _print(words: str) -> None:
    """Print and flush, since the output may be read through a pipe."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _relative(path: Path) -> Path:
    """Return a path as an author would type it here."""
    return Path(os.path.relpath(path))
