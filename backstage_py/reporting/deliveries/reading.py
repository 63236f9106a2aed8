"""Reading members of a delivery that may be anything."""

import re

from backstage_py.model import times
from backstage_py.model.json import Json, JsonObject

_LONGEST = 500
_OF_RUBY = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (?:UTC|([+-]\d\d):?(\d\d))")
"""As older events of GitLab write a moment: ``2021-04-28 21:50:00 +0200``."""


def at(value: Json, *path: str) -> Json:
    """Return what is at a path of members, None when there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Json, *path: str) -> str | None:
    """Return the text at a path; a number is one, too, since hosts write ids either way."""
    found = at(value, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found[:_LONGEST] if isinstance(found, str) and found else None


def objects(value: Json, *path: str) -> list[JsonObject]:
    """Return the objects of the list at a path."""
    found = at(value, *path)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def moment(value: Json, *path: str) -> int | None:
    """Return the moment at a path in milliseconds since 1970: ISO 8601, as GitLab wrote it, or seconds since 1970."""
    found = at(value, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        return found * 1000 if 0 < found < 2**35 else None
    if not isinstance(found, str):
        return None
    if old := _OF_RUBY.fullmatch(found):
        found = f"{old[1]}T{old[2]}{f'{old[3]}:{old[4]}' if old[3] else 'Z'}"
    try:
        return times.parsed(found)
    except (ValueError, OverflowError):
        return None
