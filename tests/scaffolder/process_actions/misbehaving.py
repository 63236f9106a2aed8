"""Actions that do wrong to their process, for ``test_process_executor``; loaded as a folder of plain files."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from backstage_py.plugin import ActionContext, RetryPolicy, action

ANY = {"type": "object"}
_HANDLERS = "import signal; [print(int(signal.getsignal(one))) for one in (signal.SIGTERM, signal.SIGHUP)]"
Context = ActionContext[dict[str, Any]]


def mark(ctx: Context) -> None:
    """Let a test know that the action runs, and in which process."""
    path = Path(ctx.input["mark"])
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path)


@action("test:good", ANY)
async def good(ctx: Context) -> dict[str, Any]:
    ctx.logger.info("all is well")
    return {"pid": os.getpid(), "folder": str(Path.cwd())}


@action("test:good-plain", ANY)
def good_plain(ctx: Context) -> dict[str, Any]:
    ctx.logger.info("all is well")
    ctx.wait(ctx.sleep(0))
    return {"pid": os.getpid(), "helped": ctx.wait(asyncio.to_thread(os.getpid))}


@action("test:waits", ANY)
def waits(ctx: Context) -> dict[str, Any]:
    """Wait until the mark is taken away; a program that was started meanwhile has the system's handlers."""
    mark(ctx)
    while Path(ctx.input["mark"]).exists():
        time.sleep(0.01)
    program = subprocess.run([sys.executable, "-c", _HANDLERS], stdout=subprocess.PIPE, check=True)
    assert program.stdout.split() == [b"0"] * 2
    return {"pid": os.getpid()}


@action("test:tried", ANY, dry_run=True)
def tried(ctx: Context) -> dict[str, Any]:
    ctx.workspace.path("made.txt").write_text("here")
    ctx.temporary_directory()
    return {"pid": os.getpid(), "dry": ctx.is_dry_run, "token": bool(ctx.token)}


@action("test:keeps", ANY, timeout=4, retry=RetryPolicy(attempts=20, first_wait=0.01, factor=1))
async def keeps(ctx: Context) -> dict[str, Any]:
    """Have an effect and keep a checkpoint; the try that kept it hangs (a busy machine may need more for that)."""
    outside = Path(ctx.input["mark"])

    def create(marker: str) -> str:
        with outside.open("a") as file:
            file.write(f"{marker}\n")
        return marker

    made = await ctx.effect("thing", create=create)
    first = await ctx.checkpoint("pid", os.getpid)
    if first == os.getpid():
        time.sleep(3600)  # noqa: ASYNC251  # until its time is over
    return {"made": made, "first": first, "second": os.getpid()}


@action("test:blocks", ANY)
def blocks(ctx: Context) -> None:
    mark(ctx)
    threading.Event().wait()


@action("test:blocks-its-loop", ANY)
async def blocks_its_loop(ctx: Context) -> None:
    mark(ctx)
    time.sleep(3600)  # noqa: ASYNC251  # that is the fault


@action("test:loops-in-c", ANY)
def loops_in_c(ctx: Context) -> None:
    mark(ctx)
    sum(range(10**18))


@action("test:deaf", ANY)
def deaf(ctx: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 32)))
    mark(ctx)
    while True:
        try:
            time.sleep(3600)
        except BaseException:  # noqa: BLE001  # as above
            continue


@action("test:deaf-async", ANY)
async def deaf_async(ctx: Context) -> None:
    mark(ctx)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


@action("test:daemons", ANY)
def daemons(ctx: Context) -> None:
    """Start a process that leaves by two forks and a session of its own, and one that stays."""
    subprocess.Popen(["sleep", "3600"])
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.closerange(0, 64)
            mark(ctx)
            time.sleep(3600)
        os._exit(0)
    os.wait()
    while not Path(ctx.input["mark"]).exists():
        time.sleep(0.001)


@action("test:forks-and-blocks", ANY)
def forks_and_blocks(ctx: Context) -> None:
    daemons.handler(ctx)
    time.sleep(3600)


@action("test:bomb", ANY)
def bomb(ctx: Context) -> None:
    while True:
        subprocess.Popen(["sleep", "3600"])


@action("test:closes", ANY)
def closes(ctx: Context) -> None:
    mark(ctx)
    os.closerange(0, 256)
    time.sleep(3600)


@action("test:closes-and-returns", ANY)
def closes_and_returns(ctx: Context) -> None:
    os.closerange(0, 256)


@action("test:garbage", ANY)
def garbage(ctx: Context) -> None:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\x00\x00\x00\x05hello" * 10)
        except OSError:
            continue
    time.sleep(3600)


@action("test:huge-frame", ANY)
def huge_frame(ctx: Context) -> None:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\xff\xff\xff\xff")
        except OSError:
            continue
    time.sleep(3600)


@action("test:leaves", ANY)
def leaves(ctx: Context) -> None:
    ctx.logger.info("about to leave")
    os._exit(7)


@action("test:leaves-well", ANY)
def leaves_well(ctx: Context) -> None:
    os._exit(0)


@action("test:crashes", ANY)
def crashes(ctx: Context) -> None:
    ctypes.string_at(0)


@action("test:eats", ANY)
def eats(ctx: Context) -> None:
    held = []
    while True:
        held.append(bytearray(b"x" * 2**22))


@action("test:computes", ANY)
def computes(ctx: Context) -> None:
    while True:
        pass


@action("test:opens", ANY)
def opens(ctx: Context) -> None:
    held = []
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))


@action("test:kills-keeper", ANY)
def kills_keeper(ctx: Context) -> None:
    mark(ctx)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)


@action("test:stops-keeper", ANY)
def stops_keeper(ctx: Context) -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    mark(ctx)
    time.sleep(3600)


@action("test:kills-zygote", ANY)
def kills_zygote(ctx: Context) -> None:
    mark(ctx)
    parent = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1]
    os.kill(int(parent), signal.SIGKILL)
    time.sleep(3600)


@action("test:prints", ANY)
def prints(ctx: Context) -> None:
    sys.stdout.write(f"said aside with {ctx.secrets['token']}\n")
    os.write(2, b"z" * 10_000_000)


@action("test:threads", ANY)
def threads(ctx: Context) -> dict[str, Any]:
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return {"pid": os.getpid()}


@action("test:moves", ANY)
def moves(ctx: Context) -> dict[str, Any]:
    os.chdir("/")
    return {"pid": os.getpid()}


@action("test:patches", ANY)
def patches(ctx: Context) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("patched")

    json_module: Any = sys.modules["backstage_py.model.json"]
    json_module.dumps = broken


@action("test:scatters", ANY)
def scatters(ctx: Context) -> dict[str, Any]:
    import tempfile

    file = Path(tempfile.mkstemp()[1])
    folder = ctx.temporary_directory()
    (folder / "x").write_text("x")
    return {"file": str(file), "folder": str(folder)}


@action("test:scatters-and-dies", ANY)
def scatters_and_dies(ctx: Context) -> None:
    ctx.temporary_directory()
    os._exit(3)


@action("test:environment", ANY)
def environment(ctx: Context) -> dict[str, Any]:
    command = Path("/proc/self/cmdline").read_bytes().decode().split("\0")
    first = Path("/proc/self/environ").read_bytes().decode("utf-8", "replace")
    return {"names": dict(os.environ), "first": first, "command": command}
