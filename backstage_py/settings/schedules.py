"""When something is repeated, as ``schedule`` says it in all forms that Backstage takes.

Source of the rules: ``readSchedulerServiceTaskScheduleDefinitionFromConfig`` of ``@backstage/backend-plugin-api`` and
the expressions of npm's ``cron``, with seconds before the five fields or without.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from backstage_py.model.json import Json
from backstage_py.settings import durations
from backstage_py.settings.kinds import Kind, shown

if TYPE_CHECKING:
    from cronsim import CronSim

_EXPECTED = "expected an object with frequency and timeout"
_SCOPES = ("global", "local")
_PRESETS: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@minutely": "* * * * *",
    "@secondly": "* * * * * *",
    "@weekdays": "0 0 * * 1-5",
    "@weekends": "0 0 * * 0,6",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is repeated; neither ``every`` nor ``cron`` means never by itself.

    Attributes:
        every: seconds from one beginning to the next.
        cron: an expression of five or six fields, in the time zone of this process.
        timeout: seconds after which one round is broken off.
        initial_delay: seconds that a process waits first.
    """

    every: float | None = None
    cron: str | None = None
    timeout: float | None = None
    initial_delay: float = 0.0

    def seconds_from(self, now: datetime) -> float | None:
        """Return after how many seconds the next round begins when one begins now; None for never."""
        if self.cron is None:
            return self.every
        return (next(_cron(self.cron, now)) - now).total_seconds()


def parse(value: Json) -> Schedule:
    """Return a schedule.

    Raises:
        ValueError: it is none; the message says why.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{_EXPECTED}, found {shown(value)}")  # noqa: TRY004  # as in kinds
    for name in ("frequency", "timeout"):
        if value.get(name) is None:
            raise ValueError(f"{_EXPECTED}; there is no {name}")
    if (scope := value.get("scope")) is not None and scope not in _SCOPES:
        raise ValueError(f"scope: expected one of {', '.join(_SCOPES)}; found {shown(scope)}")
    every, cron = _frequency(value["frequency"])
    return Schedule(
        every,
        cron,
        timeout=_duration("timeout", value["timeout"]),
        initial_delay=_duration("initialDelay", value.get("initialDelay")) or 0.0,
    )


def _frequency(value: Json) -> tuple[float | None, str | None]:
    if isinstance(value, dict) and value.get("cron"):
        expression = str(value["cron"])
        try:
            _cron(expression, datetime.now().astimezone())
        except ValueError as error:
            raise ValueError(f"frequency: '{expression}' is no cron expression: {error}") from None
        return None, expression
    if isinstance(value, dict) and value.get("trigger") == "manual":
        return None, None
    seconds = _duration("frequency", value)
    if not seconds:
        raise ValueError("frequency: must be longer than nothing")
    return seconds, None


def _duration(name: str, value: Json) -> float | None:
    if value is None:
        return None
    try:
        return durations.parse(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _cron(expression: str, after: datetime) -> "CronSim":
    from cronsim import CronSim, CronSimError

    try:
        return CronSim(_PRESETS.get(expression.strip().lower(), expression), after)
    except CronSimError as error:
        raise ValueError(str(error)) from error


_DURATION = {"anyOf": [{"type": "string"}, {"type": "object"}]}
SCHEDULE = Kind(
    parse,
    {
        "type": "object",
        "required": ["frequency", "timeout"],
        "properties": {
            "frequency": {
                **_DURATION,
                "description": "A duration, {cron: '0 * * * *'}, or {trigger: manual} for never by itself.",
            },
            "timeout": {**_DURATION, "description": "How long one reading may take."},
            "initialDelay": {**_DURATION, "description": "How long a process waits before its first reading."},
            "scope": {"enum": list(_SCOPES), "description": "Either way one replica reads, for all."},
        },
    },
)
