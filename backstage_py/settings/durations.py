"""Durations as configuration writes them: ``{minutes: 5}``, ``"5m"``, ``"PT5M"``; in seconds."""

import re
from collections.abc import Mapping

from backstage_py.model.json import Json

_DAY = 86_400.0
UNITS: Mapping[str, float] = {
    "years": 365.25 * _DAY,
    "months": 365.25 * _DAY / 12,
    "weeks": 7 * _DAY,
    "days": _DAY,
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "milliseconds": 0.001,
}
_SHORT: Mapping[str, str] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), "milliseconds"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("w", "week", "weeks"), "weeks"),
    **dict.fromkeys(("mo", "month", "months"), "months"),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), "years"),
}
_TEXT = re.compile(r"(\d*\.?\d+) *([a-z]+)", re.IGNORECASE)
_ISO = re.compile(
    r"P(?:([\d.]+)Y)?(?:([\d.]+)M)?(?:([\d.]+)W)?(?:([\d.]+)D)?"
    r"(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?"
)
_ISO_UNITS = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")

EXPECTED = "a duration such as {minutes: 5}, '5m' or 'PT5M'"


def parse(value: Json) -> float:
    """Return the seconds of a duration.

    Raises:
        ValueError: it is none; the message says why, without naming the key.
    """
    if isinstance(value, str):
        text = value.strip()
        return _of_iso(text) if text.startswith("P") else _of_text(text)
    if isinstance(value, Mapping):
        return _of_object(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a plain number has no unit; expected {EXPECTED}")  # noqa: TRY004  # one error for any bad text
    raise ValueError(f"expected {EXPECTED}")


def _of_object(value: Mapping[str, Json]) -> float:
    if unknown := [key for key in value if key not in UNITS]:
        raise ValueError(f"unknown unit '{unknown[0]}'; expected {', '.join(UNITS)}")
    if not value:
        raise ValueError(f"it is empty; expected {EXPECTED}")
    total = 0.0
    for unit, amount in value.items():
        if isinstance(amount, str) and re.fullmatch(r"\d+(\.\d+)?", amount.strip()):  # it came from ${ENV}
            total += float(amount) * UNITS[unit]
        elif isinstance(amount, int | float) and not isinstance(amount, bool) and amount >= 0:
            total += amount * UNITS[unit]
        else:
            raise ValueError(f"'{unit}' must be a number that is not negative")
    return total


def _of_text(text: str) -> float:
    found = _TEXT.fullmatch(text)
    unit = _SHORT.get(found[2].lower()) if found else None
    if not found or not unit:
        raise ValueError(f"'{text}' is no duration; expected {EXPECTED}")
    return float(found[1]) * UNITS[unit]


def _of_iso(text: str) -> float:
    found = _ISO.fullmatch(text)
    if not found or not any(found.groups()):
        raise ValueError(f"'{text}' is no ISO 8601 duration; expected one such as 'P2DT6H' or 'PT1M'")
    pairs = zip(_ISO_UNITS, found.groups(), strict=True)
    return sum(float(amount.replace(",", ".")) * UNITS[unit] for unit, amount in pairs if amount)
