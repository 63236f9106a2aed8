"""What it means that two engines agree on a case."""

import math
import re

from backstage_py.model.json import Json
from backstage_py.templating.__main__ import Cases

ENGINE = Cases()


def plain(value: Json) -> Json:
    """A value with the order of its keys and one kind of number, as JSON text would show it."""
    if isinstance(value, dict):
        return [[key, plain(item)] for key, item in value.items()]
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return value


_FRACTION = re.compile(r"\d+\.\d{12,}")


def rounded(value: Json) -> Json:
    """A value whose numbers, in texts too, have 12 digits behind the point at most."""
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.12e}")
    return _FRACTION.sub(lambda match: f"{float(match[0]):.12f}", value) if isinstance(value, str) else value


def same(source: str, ours: Json, theirs: Json) -> bool:
    """Whether two values are equal; V8's power with a fraction is up to one unit off in the last place."""
    ours, theirs = plain(ours), plain(theirs)
    return bool(ours == theirs or ("**" in source and rounded(ours) == rounded(theirs)))


def difference(case: dict[str, Json], ours: dict[str, Json], theirs: dict[str, Json]) -> str | None:
    """How the answers differ, or None. Texts of errors may differ, whether there is one may not."""
    kinds = [next(kind for kind in ("error", "undefined", "value") if kind in answer) for answer in (ours, theirs)]
    if kinds[0] == kinds[1] and (kinds[0] != "value" or same(case["source"], ours["value"], theirs["value"])):
        return None
    return f"{case!r}\n  here:  {ours}\n  there: {theirs}"
