"""JavaScript's ``Date.parse``: ISO 8601 as ECMA-262 has it, and the forms that V8 takes besides.

A day in ISO 8601 begins in UTC; anything else without a zone is of this machine's.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from backstage_py.js.errors import Failure

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(
    r"(?P<year>\d{4}|\+\d{6})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
    r"(?P<time>T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<part>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_TIME = (
    r"(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<part>\d+))?)?(?:\s*(?P<half>[AP]M))?)?"
    r"\s*(?P<zone>Z|(?:GMT|UTC)?[+-]\d\d:?\d\d|GMT|UTC)?\s*(?:\([^()]*\))?\s*"
)
_OTHERS = tuple(
    re.compile(rf"\s*(?:[a-z]{{3,9}},?\s+)?{form}{_TIME}", re.ASCII | re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})",
        r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}|\d\d)",
        r"(?P<name>[a-z]{3,9})\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})",
        r"(?P<day>\d{1,2})\s+(?P<name>[a-z]{3,9}),?\s+(?P<year>\d{4})",
        r"(?P<name>[a-z]{3,9})\s+(?P<year>\d{4})",
    )
)
_LONGEST = 100
_PIVOT = 50
"""Two digits are of this century below it, and of the last one from it on."""


def parsed(text: str) -> datetime:
    """Return the moment that a text names, with its zone.

    Raises:
        Failure: V8 finds none in it.
    """
    try:
        found = _iso(text) or _other(text)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise Failure("RangeError: Invalid time value")
    return found


def _iso(text: str) -> datetime | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    return _moment(parts, int(parts["month"] or 1), None if parts["time"] else UTC)


def _other(text: str) -> datetime | None:
    if len(text) > _LONGEST:
        return None
    for form in _OTHERS:
        if found := form.fullmatch(text):
            parts = {"name": None, "month": None, "day": None, **found.groupdict()}
            month = _MONTHS.index(parts["name"][:3].lower()) + 1 if parts["name"] else int(parts["month"] or 1)
            return _moment(parts, month, None)
    return None


def _moment(parts: Mapping[str, str | None], month: int, zone: tzinfo | None) -> datetime:
    """Make a moment; a day that the month does not have is one of the next month.

    Raises:
        ValueError, OverflowError: there is no such moment.
    """
    day, hour = int(parts["day"] or 1), _hour(parts)
    if not 1 <= day <= 31:  # noqa: PLR2004  # of any month
        raise ValueError(day)
    first = datetime(_year(str(parts["year"])), month, 1, tzinfo=_zone(parts["zone"]) or zone)
    found = first + timedelta(
        days=day - 1,
        hours=hour,
        minutes=int(parts["minute"] or 0),
        seconds=int(parts["second"] or 0),
        milliseconds=int(f"{parts['part'] or 0:0<3}"[:3]),
    )
    if not 0 <= hour <= 24 or int(parts["minute"] or 0) > 59 or int(parts["second"] or 0) > 59:  # noqa: PLR2004  # a clock
        raise ValueError(hour)
    return found if found.tzinfo else found.astimezone()


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) > 2 else year + (2000 if year < _PIVOT else 1900)  # noqa: PLR2004  # digits


def _hour(parts: Mapping[str, str | None]) -> int:
    hour, half = int(parts["hour"] or 0), (parts.get("half") or "").lower()
    return hour % 12 + 12 * (half == "pm") if half else hour


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    digits = re.sub(r"\D", "", text)
    if not digits:
        return UTC
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if "-" in text else offset)
