"""A Node process that answers one JSON request a line, as long as the test session lasts.

The scripts are next to this file; `tools` finds Node and the npm packages, which `./dev oracle` installs.
"""

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

import pytest

from backstage_py.model.json import Json
from tests import patience
from tests.oracle import tools


class Oracle:
    """One script below this folder, running; it is started again behind a test that was broken off while it asked."""

    def __init__(self, script: str) -> None:
        self._ids = itertools.count(1)
        self._script = script
        self._process = self._started()
        self._owes = False

    def _started(self) -> "subprocess.Popen[str]":
        node = tools.node()
        assert node is not None, tools.missing()
        return subprocess.Popen(
            [node, str(tools.HERE / self._script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "BACKSTAGE_PY_ORACLE": str(tools.folder()), "NODE_NO_WARNINGS": "1"},
            encoding="utf-8",
        )

    def ask(self, request: Mapping[str, Json]) -> dict[str, Json]:
        """The answer to one request."""
        return self.ask_all([request])[0]

    def ask_all(self, requests: Iterable[Mapping[str, Json]], *, window: int = 100) -> list[dict[str, Json]]:
        """The answers to many requests, in order; at most `window` are under way at a time."""
        answers: list[dict[str, Json]] = []
        pending = iter(requests)
        if self._owes:
            self._process.kill()
            self.close()
            self._process = self._started()
        self._owes = True
        while batch := list(itertools.islice(pending, window)):
            lines = [json.dumps({**request, "id": next(self._ids)}) + "\n" for request in batch]
            _pipe(self._process.stdin).writelines(lines)
            _pipe(self._process.stdin).flush()
            for _ in batch:
                line = _pipe(self._process.stdout).readline()
                if not line:
                    raise RuntimeError(f"the Node process ended with {self._process.wait()} after {lines[0][:500]}")
                answers.append(json.loads(line))
        self._owes = False
        return answers

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()
        self._process.wait(timeout=patience.SECONDS)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def running(script: str) -> Iterator[Oracle]:
    """Starts a script for a fixture, or skips the test with what is missing."""
    if (reason := tools.missing()) is not None:
        pytest.skip(reason)
    oracle = Oracle(script)
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def yaml_oracle() -> Iterator[Oracle]:
    """The JS package `yaml`."""
    yield from running("yaml.mjs")


@pytest.fixture(scope="session")
def template_oracle() -> Iterator[Oracle]:
    """The npm package `nunjitsu` with Backstage's filters."""
    yield from running("templating.mjs")


@pytest.fixture(scope="session")
def page_oracle() -> Iterator[Oracle]:
    """How Backstage resolves the pages of a form."""
    yield from running("pages.mjs")


@pytest.fixture(scope="session")
def regex_oracle() -> Iterator[Oracle]:
    """Node's regular expressions."""
    yield from running("regex.mjs")


@pytest.fixture(scope="session")
def schema_oracle() -> Iterator[Oracle]:
    """The npm packages `jsonschema` and `ajv`."""
    yield from running("schemas.mjs")
