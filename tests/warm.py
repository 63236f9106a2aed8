"""Processes of ours that start at once: forked from one that has imported everything, instead of starting Python anew.

``serve`` imports for longer than most tests run, so each process of tests keeps one such process, from its first use.
Where tests (or commands in their process) start ``python -m backstage_py.cli`` or a module of the tests, ``install``
has the fork take the place of the start: with the arguments, variables, folder, streams and limits that were asked
for. It is the caller's own child; signals, exit status and the end of the interpreter are as ever.

What asks for more than that is started as ever: other programs, ``-c``, variables that change how Python starts, a
library to preload, another checkout. ``BACKSTAGE_PY_COLD=1`` starts all processes so.

Run as a program, this is the process that forks. It takes requests on the socket whose descriptor is its argument.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import inspect
import io
import json
import os
import pkgutil
import resource
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SWITCH = "BACKSTAGE_PY_COLD"
_STARTS = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "SSL_", "FAKETIME", "DONT_FAKE")
"""How variables begin that change how a process starts; those in ``_READ_LATER`` change nothing until then."""
_READ_LATER = {"PYTHONPATH", "FAKETIME_TIMESTAMP_FILE"}
_OFTEN = 2
"""That many times a process is started anew, before others with the same such variables are forked."""

_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_PACKAGES = ("backstage_py.cli.commands", "backstage_py.cli.cases", "backstage_py.storage", "backstage_py_actions")
_FOREIGN = (
    "typer",
    "rich.live",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.main",
    "uvloop",
    "httptools",
    "alembic.command",
)
_NOT_BEFOREHAND = "backstage_py.storage.migrations."

Json = dict[str, Any]
_Shape = frozenset[tuple[str, str]]

# --- in the process of the tests ---------------------------------------------------------------------------------


class _Source:
    """The process that forks, as the one that asks sees it; ``shape`` are variables with which it is to be started."""

    def __init__(self, shape: _Shape) -> None:
        self._shape = shape
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, request: Json, streams: Sequence[int]) -> int:
        """Return the identifier of a new child."""
        with self._lock:
            asked = self.start()
            _adopt(1)
            try:
                text = json.dumps(request).encode()
                socket.send_fds(asked, [len(text).to_bytes(8, "big")], list(streams))
                asked.sendall(text)
                return int.from_bytes(_exactly(asked, 8), "big")
            finally:
                _adopt(0)

    def start(self) -> socket.socket:
        """Start it, if it has not been."""
        if self._socket is None:
            self._socket, its_end = socket.socketpair()
            command = [sys.executable, "-P", __file__, str(its_end.fileno())]
            env = {name: os.environ[name] for name in os.environ if not name.startswith(_STARTS)} | dict(self._shape)
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[its_end.fileno()], env=env)
            its_end.close()
            atexit.register(self._end)
        return self._socket

    def _end(self) -> None:
        if self._socket and self._process:
            self._socket.close()
            self._process.wait()


def _adopt(on: int) -> None:
    """Make this process the one to which the children of those go that end below it, instead of the system's first."""
    ctypes.CDLL(None).prctl(_SUBREAPER, on, 0, 0, 0)


def _exactly(source: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        part = source.recv(size - len(read))
        if not part:
            raise EOFError("the process that forks has ended")
        read += part
    return read


def install() -> None:
    """Have this process start programs so from now on."""
    if sys.platform != "linux" or os.environ.get(SWITCH):
        return
    start_anew = subprocess.Popen._execute_child  # type: ignore[attr-defined]  # the one place that all starts pass
    parameters = inspect.signature(start_anew)
    own = _shape(os.environ)
    sources = {own: _Source(own)}
    asked_for: Counter[_Shape] = Counter()
    if "PYTEST_XDIST_WORKER" in os.environ:
        sources[own].start()  # while tests are collected

    def execute_child(self: Any, *arguments: Any) -> None:
        asked = parameters.bind(self, *arguments).arguments
        request = _request(asked)
        shape = _shape(request["env"]) if request else own
        asked_for[shape] += 1
        if request is None or (shape != own and asked_for[shape] <= _OFTEN):
            start_anew(self, *arguments)
            return
        source = sources.setdefault(shape, _Source(shape))
        streams = [
            asked[name] if asked[name] != -1 else fd for fd, name in enumerate(("p2cread", "c2pwrite", "errwrite"))
        ]
        self.pid = source.fork(request, streams)
        self._child_created = True
        self._close_pipe_fds(*(asked[name] for name in _PIPES))

    subprocess.Popen._execute_child = execute_child  # type: ignore[attr-defined]


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def _request(asked: Mapping[str, Any]) -> Json | None:
    """Return what the forking process has to know; None where a start is not one that it can take over."""
    words = asked["args"]
    if isinstance(words, str | bytes | os.PathLike) or asked["shell"] or asked["preexec_fn"] or asked["pass_fds"]:
        return None
    words = [os.fsdecode(word) for word in words]
    path_is_safe = words[1:2] == ["-P"]
    module, *rest = words[3 if path_is_safe else 2 :] or [""]
    if [words[0], words[1 + path_is_safe : 2 + path_is_safe]] != [sys.executable, ["-m"]] or not _is_ours(module):
        return None
    unusual = [asked["executable"], asked["uid"], asked["gid"], asked["gids"]]
    if any(one is not None and one != words[0] for one in unusual) or asked["umask"] != -1 or not asked["close_fds"]:
        return None
    folder = os.path.abspath(asked["cwd"] or ".")  # noqa: PTH100  # as Python does it for -m
    given = os.environ if asked["env"] is None else asked["env"]
    env = {os.fsdecode(name): os.fsdecode(value) for name, value in given.items()}
    path = [*([] if path_is_safe else [folder]), *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    if not Path(folder).is_dir() or not all(map(_holds_nothing_else, path)):
        return None
    return {
        "parent": os.getpid(),
        "module": module,
        "arguments": rest,
        "folder": folder,
        "env": env,
        "path": path,
        "session": bool(asked["start_new_session"]),
        "group": asked.get("process_group", -1),
        "limits": [resource.getrlimit(one) for one in _LIMITS],
    }


def _is_ours(module: str) -> bool:
    return module in ("backstage_py.cli", "backstage_py.templating") or module.startswith("tests.")


def _shape(env: Mapping[str, str]) -> _Shape:
    """Return the variables that change how a process starts."""
    return frozenset((name, env[name]) for name in env if name.startswith(_STARTS) and name not in _READ_LATER)


def _holds_nothing_else(folder: str) -> bool:
    """Whether a folder of the path has no other version of what the forking process has imported."""
    found = Path(folder, "backstage_py", "__init__.py")
    return not found.exists() or found.resolve().is_relative_to(ROOT)


# --- in the process that forks -----------------------------------------------------------------------------------


def _prepare() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "actions")]
    importlib.import_module("backstage_py.app")
    for package in map(importlib.import_module, _PACKAGES):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(_NOT_BEFOREHAND):
                importlib.import_module(found.name)
    for name in _FOREIGN:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    del sys.path[:2]
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()


def _until_child(asked: socket.socket) -> Json:
    """Fork as often as asked; returns in each child, what it was asked to be."""
    while True:
        start, streams, _, _ = socket.recv_fds(asked, 8, 3)
        if not start:
            os._exit(0)
        request: Json = json.loads(_exactly(asked, int.from_bytes(start, "big")))
        told, tell = os.pipe()
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child == 0:
                os.close(told)
                os.close(tell)
                asked.close()
                _become(request, streams)
                return request
            os.write(tell, child.to_bytes(8, "big"))
            os._exit(0)
        os.close(tell)
        os.waitpid(between, 0)  # from now on the child is that of the process that asked
        asked.sendall(os.read(told, 8))
        for one in (told, *streams):
            os.close(one)


def _become(request: Json, streams: Sequence[int]) -> None:
    """Be a process that was just started."""
    while os.getppid() != request["parent"]:
        os.sched_yield()
    if request["session"]:
        os.setsid()
    elif request["group"] not in (-1, None):
        os.setpgid(0, request["group"])
    for number, one in enumerate(streams):
        os.dup2(one, number)
    os.closerange(3, max(*streams, 3) + 64)
    os.chdir(request["folder"])
    for kind, limits in zip(_LIMITS, request["limits"], strict=True):
        if resource.getrlimit(kind) != tuple(limits):
            resource.setrlimit(kind, tuple(limits))
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.path[:0] = request["path"]
    importlib.invalidate_caches()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_streams()


def _open_streams() -> None:
    """Make the standard streams as Python does, for what descriptors 0 to 2 are now."""
    is_unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    ways = zip(("stdin", "stdout", "stderr"), "rww", ("strict", "strict", "backslashreplace"), strict=True)
    for number, (name, mode, errors) in enumerate(ways):
        raw = open(number, f"{mode}b", buffering=0 if is_unbuffered and mode == "w" else -1, closefd=False)  # noqa: SIM115
        now = io.TextIOWrapper(
            raw,
            getattr(sys, name).encoding,
            errors=getattr(sys, name).errors if errors == "strict" else errors,
            line_buffering=mode == "w" and not is_unbuffered and (name == "stderr" or os.isatty(number)),
            write_through=is_unbuffered and mode == "w",
        )
        setattr(sys, name, now)
        setattr(sys, f"__{name}__", now)


def _run(module: str) -> None:
    """Run a module, and end without taking the interpreter apart, which would take longer than most commands."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined]  # what an interpreter does first when it ends
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prepare()
    wanted = _until_child(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = ["-m", *wanted["arguments"]]
    _run(wanted["module"])
