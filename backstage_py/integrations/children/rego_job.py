"""What runs in the child process of ``policy.rego``: evaluate one package for each of several inputs.

The engine's allocator reserves hundreds of GiB of addresses, so no limit of the system holds its memory; a thread does.
"""

import json
import os
import re
import resource
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

_LOOK_SECONDS = 0.02
_UNIT = 1 if sys.platform == "darwin" else 1024
_ERROR = re.compile(r"\(error \d+:([^|()]*)\|(\d+)\|\d+\s*\(errormsg \d+:([^()]*)", re.DOTALL)


def main() -> None:
    """Read the job from standard input and write the results; errors go to standard error, one line."""
    job = json.loads(sys.stdin.buffer.read())
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the engine prints what is wrong
    _watch(job["memory"])
    try:
        results = _evaluated(job)
    except MemoryError:
        _fail("MemoryError")
    except Exception as error:  # noqa: BLE001  # the edge of a process: whatever it was, its words are the answer
        _fail(_words(str(error), job["modules"]) or type(error).__name__)
    else:
        with answer:
            answer.write(json.dumps(results).encode())


def _watch(most: int) -> None:
    """End this process when its memory grows above a bound; start nothing besides."""

    def look() -> None:
        while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT <= most:
            time.sleep(_LOOK_SECONDS)
        _fail("MemoryError")

    threading.Thread(target=look, daemon=True).start()
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _evaluated(job: Mapping[str, Any]) -> list[Any]:
    from regopy import Interpreter

    engine = Interpreter()
    for name, text in job["modules"].items():
        engine.add_module(name, text)
    found = []
    for one in job["inputs"]:
        engine.set_input_term(json.dumps(one))
        output = engine.query(f"data.{job['package']}")
        if not output.ok():
            raise ValueError(str(output))
        results = output.results
        found.append(results[0].expressions[0] if results and results[0].expressions else None)
    return found


def _words(said: str, modules: Mapping[str, str]) -> str:
    """Return the engine's errors as ``file:line: words``; it gives a tree with offsets."""
    listed = []
    for name, offset, words in _ERROR.findall(said):
        text = modules.get(name)
        line = text.encode()[: int(offset)].count(b"\n") + 1 if text is not None else 0
        listed.append(f"{name}:{line}: {words.strip()}" if line else words.strip())
    return "; ".join(dict.fromkeys(listed)) or said


def _fail(message: str) -> None:
    sys.stderr.write(" ".join(message.split()))
    sys.stderr.flush()
    os._exit(1)
