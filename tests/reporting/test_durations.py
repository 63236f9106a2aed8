"""Percentiles, compared with what the definition says of them."""

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from backstage_py.reporting.measures.durations import Durations
from backstage_py.reporting.measures.window import Window
from tests.reporting.world import at

lengths = st.lists(st.integers(min_value=0, max_value=30), max_size=12)


@given(ended=lengths.filter(bool), percent=st.integers(min_value=1, max_value=99))
def test_where_all_has_ended_it_is_the_nearest_rank(ended: list[int], percent: int) -> None:
    rank = math.ceil(Fraction(percent, 100) * len(ended))
    assert Durations(ended).percentile(percent) == sorted(ended)[rank - 1]


@given(ended=lengths, watched=lengths, percent=st.integers(min_value=1, max_value=99))
def test_it_is_the_estimate_of_kaplan_and_meier(ended: list[int], watched: list[int], percent: int) -> None:
    lasting, expected = Fraction(1), None
    for length in sorted(set(ended)):
        lasting *= 1 - Fraction(ended.count(length), sum(one >= length for one in (*ended, *watched)))
        if expected is None and lasting <= 1 - Fraction(percent, 100):
            expected = length
    assert Durations(ended, watched).percentile(percent) == expected


def test_who_was_not_watched_for_long_says_little() -> None:
    # 10 of 3 watched leave 2/3; the one of age 15 is not watched at 20: none of 1 are left
    assert Durations([10, 20], [15]).percentile(50) == 20
    # as if it never ended: 10, 20 and never, of which the second is the half, but 95 of 100 are not reached
    assert Durations([10, 20], [25]).percentile(95) is None


def test_months_are_those_of_utc_as_far_as_they_are_asked_for() -> None:
    found = list(Window(at("01-15 12:00"), at("03-01 00:00")).months())
    assert found == [
        ("2026-01", Window(at("01-15 12:00"), at("02-01 00:00"))),
        ("2026-02", Window(at("02-01 00:00"), at("03-01 00:00"))),
    ]
