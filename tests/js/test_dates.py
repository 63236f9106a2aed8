"""Moments as V8 reads them; the table was printed by Node.js in New York."""

import time
from collections.abc import Iterator
from datetime import UTC

import pytest

from backstage_py.js import dates
from backstage_py.js.errors import Failure

NODE = {
    "2024": "2024-01-01T00:00:00.000Z",
    "2024-08": "2024-08-01T00:00:00.000Z",
    "2024-08-14": "2024-08-14T00:00:00.000Z",
    "2024-8-14": "2024-08-14T04:00:00.000Z",
    "2024-08-14T10": None,
    "2024-08-14T10:00": "2024-08-14T14:00:00.000Z",
    "2024-08-14T10:00:05": "2024-08-14T14:00:05.000Z",
    "2024-08-14 10:00:05": "2024-08-14T14:00:05.000Z",
    "2024-08-14T10:00:05.1234567": "2024-08-14T14:00:05.123Z",
    "2024-08-14T10:00Z": "2024-08-14T10:00:00.000Z",
    "2024-08-14T10:00+0200": "2024-08-14T08:00:00.000Z",
    "2024-08-14T10:00+02:00": "2024-08-14T08:00:00.000Z",
    "2024-08-14T24:00:00Z": "2024-08-15T00:00:00.000Z",
    "2024-02-30": "2024-03-01T00:00:00.000Z",
    "2024-13-01": None,
    "20240814": None,
    "08/14/2024": "2024-08-14T04:00:00.000Z",
    "8/4/24": "2024-08-04T04:00:00.000Z",
    "14/08/2024": None,
    "Aug 14, 2024": "2024-08-14T04:00:00.000Z",
    "August 14 2024": "2024-08-14T04:00:00.000Z",
    "14 Aug 2024": "2024-08-14T04:00:00.000Z",
    "14 August 2024 10:00": "2024-08-14T14:00:00.000Z",
    "Wed, 14 Aug 2024 10:00:00 GMT": "2024-08-14T10:00:00.000Z",
    "Wed Aug 14 2024 10:00:00 GMT+0200 (CEST)": "2024-08-14T08:00:00.000Z",
    "2024/08/14": "2024-08-14T04:00:00.000Z",
    "2024/08/14 10:00": "2024-08-14T14:00:00.000Z",
    "+002024-08-14": "2024-08-14T00:00:00.000Z",
    "2024-08-14 10:00 PM": "2024-08-15T02:00:00.000Z",
    "8/14/2024 10:00 PM": "2024-08-15T02:00:00.000Z",
    "2024-08-14Z": "2024-08-14T00:00:00.000Z",
    " 2024-08-14 ": "2024-08-14T04:00:00.000Z",
    "now": None,
    "1723629600000": None,
    "2024-08-14T10:00:00z": "2024-08-14T10:00:00.000Z",
    "2024-08-14t10:00:00Z": "2024-08-14T10:00:00.000Z",
    "14.08.2024": None,
    "2024-08-14T25:00": None,
    "Aug 2024": "2024-08-01T04:00:00.000Z",
}


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_texts_are_the_moments_that_v8_finds_in_them() -> None:
    found: dict[str, str | None] = {}
    for text in NODE:
        try:
            moment = dates.parsed(text).astimezone(UTC)
            found[text] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        except Failure:
            found[text] = None
    assert found == NODE
