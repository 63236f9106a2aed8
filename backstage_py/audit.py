"""The audit log: who did what with which outcome, as Backstage's auditor names and shapes it.

An event has an id within its plugin, a severity, an actor, perhaps a request and details (``meta``); it is written when
it begins (``initiated``) and when it ends (``succeeded`` or ``failed``). The operator maps severities to levels of the
log and may name a sink of its own; both get lines without secrets. Which events there are is said where they happen.
"""

import logging as stdlib_logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import orjson
import structlog

from backstage_py import logging

_log = structlog.get_logger(__name__)
LEVELS: Mapping[str, str] = {"low": "debug", "medium": "info", "high": "info", "critical": "info"}
_NUMBERS = {"debug": 10, "info": 20, "warn": 30, "error": 40}
_STREAMS = ("stdout", "stderr")
_SERVICE = "backstage"

Meta = Mapping[str, Any]


@dataclass(slots=True)
class _State:
    levels: Mapping[str, str] = field(default_factory=lambda: LEVELS)
    sink: stdlib_logging.Handler | None = None


_state = _State()


@contextmanager
def writing(levels: Mapping[str, str], sink: str | None = None) -> Iterator[None]:
    """Write the events of this process so until the block is left.

    Args:
        levels: of the log by severity; those that are left out are Backstage's.
        sink: ``stdout``, ``stderr``, or a file that is appended to and opened again when it was moved away; it gets
            all events whose severity has a level above ``debug``.

    Raises:
        OSError: the file cannot be written.
    """
    before = _state.levels, _state.sink
    handler = _handler(sink) if sink else None
    _state.levels, _state.sink = {**LEVELS, **levels}, handler
    try:
        yield
    finally:
        _state.levels, _state.sink = before
        if handler:
            handler.close()


def is_written(severity: str) -> bool:
    """Whether an event of a severity is written anywhere; if not, nobody needs to put it together."""
    level = _state.levels[severity]
    return bool(_state.sink and level != "debug") or bool(_log.is_enabled_for(_NUMBERS[level]))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user's reference or a service's subject, None when nobody is known; and from where."""

    id: str | None
    ip: str | None = None
    hostname: str | None = None
    user_agent: str | None = None

    @property
    def shown(self) -> dict[str, str]:
        """As the event has it."""
        named = {"actorId": self.id, "ip": self.ip, "hostname": self.hostname, "userAgent": self.user_agent}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Event:
    """An event that has begun, or will not be written before it ended.

    Attributes:
        request: ``url`` and ``method`` of the call, when one caused it.
    """

    plugin: str
    id: str
    actor: Actor
    severity: str = "low"
    request: Mapping[str, str] | None = None
    meta: Meta = field(default_factory=dict)

    def initiated(self) -> "Event":
        """Write that it begins."""
        self._write("initiated", {}, None)
        return self

    def succeeded(self, meta: Meta | None = None) -> None:
        """Write that it ended well, with what is known now."""
        self._write("succeeded", meta or {}, None)

    def failed(self, name: str, message: str, meta: Meta | None = None) -> None:
        """Write that it ended with an error."""
        self._write("failed", meta or {}, {"name": name, "message": message})

    def _write(self, status: str, more: Meta, error: Mapping[str, str] | None) -> None:
        level = _state.levels[self.severity]
        meta = {name: value for name, value in {**self.meta, **more}.items() if value is not None}
        record = {
            "isAuditEvent": True,
            "plugin": self.plugin,
            "eventId": self.id,
            "severityLevel": self.severity,
            "status": status,
            "actor": self.actor.shown,
            **({"request": dict(self.request)} if self.request else {}),
            **({"meta": meta} if meta else {}),
            **({"error": dict(error)} if error else {}),
        }
        name = f"{self.plugin}.{self.id}"
        getattr(_log, "warning" if level == "warn" else level)(name, **record)
        if _state.sink and level != "debug":
            head = {"timestamp": datetime.now(UTC).isoformat(), "level": level, "service": _SERVICE, "message": name}
            line = orjson.dumps({**head, **record}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
            _state.sink.handle(stdlib_logging.makeLogRecord({"msg": logging.masked(line)}))


def _handler(sink: str) -> stdlib_logging.Handler:
    if sink in _STREAMS:
        return stdlib_logging.StreamHandler(getattr(sys, sink))
    Path(sink).parent.mkdir(parents=True, exist_ok=True)
    return WatchedFileHandler(sink, encoding="utf-8", errors="backslashreplace")
