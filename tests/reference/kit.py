"""The recorded calls, replayed against a real Backstage and against this service."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.anchor import harness as anchor
from tests.contract import conftest as contract
from tests.contract.harness import KIT, free_port
from tests.contract.releases import NEWEST, OWN_WORDS
from tests.contract.test_changed_calls import addressed

_MODULES = "scaffolder-backend-module-"


@dataclass(frozen=True)
class Replay:
    """What one side answered.

    Attributes:
        total: the number of recorded calls.
        differences: what is not as recorded, by call and place.
        actions: the ids of the actions beyond the recorded ones.
        changes: answers to the calls of ``changes.py``, by name.
    """

    total: int
    differences: Mapping[tuple[str, str], str]
    actions: frozenset[str]
    changes: Mapping[str, Any]

    @property
    def differing(self) -> list[str]:
        """The names of the calls that are not answered as recorded."""
        return list(dict.fromkeys(name for name, _ in self.differences))


def of_ours(folder: Path) -> Replay:
    """Replay the calls against this service. Its descriptions of itself are its own words."""
    answers, changes = folder / "answers.json", folder / "changes.json"
    for name, run, out in (("kit", contract.replay, answers), ("changes", contract.replay_changes, changes)):
        (folder / name).mkdir()
        with contract.fixed_port():
            run(folder / name, out)
    return _read(answers, changes, own_words=OWN_WORDS)


def of_backstage(folder: Path) -> Replay:
    """Replay the calls against the Backstage of ``BACKSTAGE_PY_ANCHOR``, with every module that it brings."""
    answers, changes = folder / "answers.json", folder / "changes.json"
    options = ("--guest", "--quiet", "--release", NEWEST, "--json", str(answers))
    _ask(folder / "kit", answers, ("replay.py", *options), contract.CONFIG)
    _ask(folder / "changes", changes, ("changes.py", str(changes)), contract.CONFIG, contract.CHANGES_CONFIG)
    return _read(answers, changes, own_words=frozenset())


def _plugins() -> list[str]:
    package = json.loads((Path(os.environ["BACKSTAGE_PY_ANCHOR"]) / "package.json").read_text(encoding="utf-8"))
    names = [name.removeprefix("@backstage/plugin-") for name in package["dependencies"]]
    modules = [name for name in names if name.startswith(_MODULES)]
    return [*anchor.PLUGINS, "catalog-backend-module-logs", *modules]


def _ask(folder: Path, out: Path, script: Sequence[str], *configs: Path) -> None:
    folder.mkdir()
    port = free_port()
    listen = folder / "app-config.listen.yaml"
    listen.write_text(yaml.safe_dump({"backend": {"listen": {"host": "127.0.0.1", "port": port}}}))
    env = {"KIT_PORT": str(port), "KIT_FOLDER": str(folder), "KIT": str(KIT)}
    (folder / "work").mkdir()
    running = anchor.backstage(folder, *configs, listen, plugins=_plugins(), env=env)
    with contract.fixed_port(), running as wait:
        url = f"http://127.0.0.1:{port}"
        wait(url)
        name, *arguments = script
        done = subprocess.run(
            [sys.executable, str(KIT / name), url, *arguments], capture_output=True, text=True, check=False
        )
    assert out.exists(), done.stderr


def _read(answers: Path, changes: Path, *, own_words: frozenset[str]) -> Replay:
    found = json.loads(answers.read_text(encoding="utf-8"))
    differences = {
        (one["name"], each["at"]): str(each["actual"])
        for one in found["results"]
        for each in one["differences"]
        if each["category"] in ({"contract"} if one["name"] in own_words else {"contract", "message"})
    }
    actions = [one for one in found["results"] if one["name"] == "actions"]
    extra = frozenset(
        each["at"].removeprefix("/") for one in actions for each in one["differences"] if each["category"] == "note"
    )
    answered = {name: addressed(one) for name, one in json.loads(changes.read_text(encoding="utf-8")).items()}
    return Replay(found["total"], differences, extra, answered)
