"""``backstage-py demo``: the golden path from the form to the pushed repository, on this machine alone."""

import asyncio
import contextlib
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from backstage_py import bundled, threads
from backstage_py.cli import child
from backstage_py.cli.client import ApiClient
from backstage_py.cli.terminal import progress
from backstage_py.errors import BackstageError, InputError, ServiceUnavailableError
from backstage_py.model.json import JsonObject

TEMPLATE = "template:default/go-microservice"
_READY_SECONDS = 30.0
_STOP_SECONDS = 15.0
_INTERRUPTED = 130
_MARK = ".backstage-py-demo"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asked for. ``folder`` holds the service's state; its former content is removed."""

    folder: Path
    port: int
    keep: bool
    values: JsonObject


class DemoFailedError(BackstageError):
    """The task did not complete."""


def run(options: DemoOptions, console: Console) -> int:
    """Run the demo and return the process's exit status."""
    try:
        return asyncio.run(_demo(options, console))
    except KeyboardInterrupt:
        console.print("Interrupted; the service is stopped.")
        return _INTERRUPTED


async def _demo(options: DemoOptions, console: Console) -> int:
    port = _free_port(options.port, console)
    config = _prepare(options.folder, port)
    async with (
        _service(config, options.folder / "service.log") as service,
        ApiClient(f"http://127.0.0.1:{port}") as api,
    ):
        await _until_ready(api, service, options.folder / "service.log")
        started = time.monotonic()
        await _golden_path(api, options, console)
        console.print(f"From the submitted form to here: {time.monotonic() - started:.1f} s", highlight=False)
        if options.keep:
            console.print(f"\nThe service stays at {api.base_url} until you press Ctrl-C.", highlight=False)
            await service.wait()
    return 0


async def _golden_path(api: ApiClient, options: DemoOptions, console: Console) -> None:
    user = await api.sign_in_as_guest()
    console.print(f"Signed in as {user}; submitting {TEMPLATE} with {_as_text(options.values)}", highlight=False)
    task_id = await _create(api, options.values)
    task = await api.task(task_id)
    completion: JsonObject = {}
    with progress.display(console, task["spec"]["steps"]) as shown:
        async for event in api.events(task_id):
            shown.show(event)
            completion = event
    if error := completion["body"].get("error"):
        raise DemoFailedError(f"The task failed: {error.get('message')}")
    await _print_addresses(api, options, console)


async def _create(api: ApiClient, values: JsonObject) -> str:
    """Create the task as soon as the catalog has read the template."""
    for _ in range(200):
        with contextlib.suppress(BackstageError):
            await api.call("GET", ApiClient.entity_path("template", "default", "go-microservice"))
            break
        await asyncio.sleep(0.02)
    return await api.create_task(TEMPLATE, values)


async def _print_addresses(api: ApiClient, options: DemoOptions, console: Console) -> None:
    name = str(options.values["name"])
    entity = await api.entity("component", "default", name)
    served = str(entity["metadata"]["annotations"]["backstage.io/source-location"]).removeprefix("url:")
    bare = next(options.folder.glob(f"sandbox/**/{name}.git"))
    lines = ["", "The repository is pushed and the component is in the catalog:"]
    if options.keep:
        origin = "/".join(served.split("/")[:5])
        lines.append(f"  git clone {origin}.git")
        lines.append(
            f"  curl -H 'Authorization: Bearer …' {api.base_url}{ApiClient.entity_path('component', 'default', name)}"
        )
    else:
        lines.append(f"  git clone {bare.as_uri()}")
        lines.append(f"  {api.base_url}{ApiClient.entity_path('component', 'default', name)}  (while it runs: --keep)")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _prepare(folder: Path, port: int) -> Path:
    """Make the folder anew and write the configuration into it.

    Raises:
        InputError: it exists and is not a former demo's, so it is not ours to empty.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise InputError(f"{folder} is not empty and not a former demo's; name another with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    base_url = f"http://127.0.0.1:{port}"
    config = {
        "app": {"title": "backstage-py demo", "baseUrl": base_url},
        "backend": {
            "baseUrl": base_url,
            "listen": {"host": "127.0.0.1", "port": port},
            "database": {"client": "better-sqlite3", "connection": {"filename": str(folder / "backstage-py.sqlite")}},
            "workingDirectory": str(folder / "work"),
        },
        "auth": {"providers": {"guest": {}}},
        "catalog": {
            "locations": [{"type": "file", "target": str(bundled.skeletons() / "go-microservice" / "template.yaml")}],
            "rules": [{"allow": ["Component", "API", "Resource", "System", "Location", "Template", "Group", "User"]}],
        },
        "sandbox": {"root": str(folder / "sandbox")},
    }
    path = folder / "app-config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    (folder / "work").mkdir()
    return path


@contextlib.asynccontextmanager
async def _service(config: Path, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``backstage-py serve`` beside this process, in a process group of its own, and stop it at the end."""
    command = [sys.executable, "-P", "-m", "backstage_py.cli", "serve", "--config", str(config)]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        await child.stop(process, _STOP_SECONDS)


async def _until_ready(api: ApiClient, service: asyncio.subprocess.Process, log: Path) -> None:
    ready = asyncio.ensure_future(api.wait_until_ready(_READY_SECONDS))
    ended = asyncio.ensure_future(service.wait())
    try:
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            tail = await threads.file_work(log.read_text, errors="replace")
            raise ServiceUnavailableError(f"The service ended with status {ended.result()}:\n{tail[-2000:]}")
        await ready
    finally:
        ready.cancel()
        ended.cancel()


def _free_port(wanted: int, console: Console) -> int:
    """Return ``wanted`` if nobody listens there, else another port, and say so."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
        if found != wanted and wanted:
            console.print(f"Port {wanted} is taken; using {found}.", highlight=False)
        return found
    raise ServiceUnavailableError("No free port on 127.0.0.1")


def _as_text(values: JsonObject) -> str:
    return ", ".join(
        f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in values.items()
    )
