"""Requests to the ready replicas of a release for as long as a block lasts, as a load balancer would send them."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests import patience

TOKEN = "operator-token-of-this-test"  # of a service that the test itself starts


@dataclass
class Load:
    """How many requests were answered, and each that was not."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def running(
    addresses: Callable[[], list[str]],
    clients: int = 3,
    path: str = "/api/catalog/entities?limit=5",
    pause: float = 0.0,
) -> Iterator[Load]:
    """Ask again and again, each time one of the replicas that are ready then; ``pause`` is seconds between two."""
    load, stop = Load(), threading.Event()

    def ask(number: int) -> None:
        at = number
        while not stop.is_set():
            ready = addresses()
            at += 1
            if not ready:
                load.failures.append("nobody is ready")
                stop.wait(0.2)
                continue
            try:
                call(ready[at % len(ready)], path)
                load.answered += 1
            except (OSError, http.client.HTTPException) as error:
                load.failures.append(repr(error))
            stop.wait(pause)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def call(url: str, path: str, body: Any = None, **more: str) -> Any:
    """Return the JSON that a replica answers; a refusal is an ``HTTPError``. ``more`` are headers."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json", **more}
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=patience.SECONDS) as answer:
        return json.loads(answer.read())
