"""What the database holds of tasks, read past the replicas and the proxies."""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from tests.storage.postgres import Postgres

_PROGRESS = ("task_steps", "task_workspaces")


@dataclass(frozen=True, slots=True)
class Row:
    """A task.

    Attributes:
        leftovers: the tables that still hold something of it though it has completed.
    """

    id: str
    status: str
    template: str
    fails_once: bool
    starts_over: bool
    has_secrets: bool
    leftovers: Sequence[str]


@dataclass(frozen=True)
class Event:
    """An event of a task."""

    id: int
    type: str
    body: str

    @cached_property
    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said

    @property
    def step(self) -> str | None:
        """The step that it is about."""
        return self._said.get("stepId")

    @property
    def message(self) -> str:
        """What it says."""
        return str(self._said.get("message", ""))


@dataclass(frozen=True, slots=True)
class Records:
    """All tasks and their events, by the task's id; the events in the order of their ids."""

    tasks: dict[str, Row]
    events: dict[str, list[Event]]

    @classmethod
    def read(cls, server: Postgres, database: str) -> Self:
        """Read them."""
        with server.connect(database) as connection:
            kept = {name: _tasks_in(connection, name) for name in _PROGRESS}
            rows = connection.execute("SELECT id, status, spec, starts_over, secrets IS NOT NULL FROM tasks")
            tasks = {row[0]: _row(row, [name for name, ids in kept.items() if row[0] in ids]) for row in rows}
            events: dict[str, list[Event]] = {}
            for task_id, *event in connection.execute("SELECT task_id, id, type, body FROM task_events ORDER BY id"):
                events.setdefault(task_id, []).append(Event(*event))
        return cls(tasks, events)

    def without(self, task_ids: Container[str]) -> "Records":
        """Return the records of all other tasks."""
        return Records(
            {id_: task for id_, task in self.tasks.items() if id_ not in task_ids},
            {id_: events for id_, events in self.events.items() if id_ not in task_ids},
        )

    @property
    def unended(self) -> list[str]:
        """The tasks that are open or running."""
        return [one.id for one in self.tasks.values() if one.status in {"open", "processing"}]


def _tasks_in(connection: Any, table: str) -> set[str]:
    """Return whose rows a table holds; none when a later version has another one in its place."""
    if connection.execute("SELECT to_regclass(%s)", [table]).fetchone()[0] is None:
        return set()
    return {row[0] for row in connection.execute(f"SELECT DISTINCT task_id FROM {table}")}


def _row(row: Sequence[Any], kept: Sequence[str]) -> Row:
    id_, status, spec, starts_over, has_secrets = row
    said = json.loads(spec)
    name = said["templateInfo"]["entityRef"].rpartition("/")[2]
    fails_once = bool(said["parameters"].get("failsOnce"))
    leftovers = kept if status == "completed" else ()
    return Row(id_, status, name, fails_once, starts_over, has_secrets, leftovers)
