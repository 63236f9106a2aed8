"""Patterns of schemas find what Node's regular expressions find, within a bound of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.js import regex
from tests.oracle.node import Oracle

ATOMS = [
    *"ab.é😀^${}]-",
    *("\\d", "\\w", "\\s", "\\S", "\\W", "\\b", "\\0", "\\1", "\\8", "\\c", "\\e", "\\-", "\\/", "\\_", "\\@"),
    *("[a-c]", "[^a]", "[\\w-]", "[\\d-x]", "[^]", "[]", "[😀-😂]", "[\\b]", "[\\-a]", "[\\p{L}\\d]"),
    *("\\u{1F600}", "\\u0061", "\\ud83d\\ude00", "\\ud83d", "\\x61", "\\x6", "\\01", "\\cA"),
    *("(a)", "(?:ab)", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)", "(?<n>a)", "\\k<n>"),
    *("\\p{L}", "\\p{Lu}", "\\P{L}", "\\p{Script=Greek}", "\\p{Letter}", "\\p{ASCII}"),
]
QUANTIFIERS = ["", "", "", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "*?", "+?"]
TEXTS = [
    *("", "a", "ab", "aab", "b", "é", "😀", "a😀b", "\u00a0", "\ufeff", " ", "1", "A", "-", "\ud83d", "a\n", "ω"),
    *("x1_", "{2}", "}", "]", "p{L}", "u{1F600}", "😁", "-a", "\0", "\x01", "n", "8", "@", "\U00100000"),
]

patterns = st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(QUANTIFIERS)), min_size=1, max_size=4).map(
    lambda parts: "".join(atom + quantifier for atom, quantifier in parts)
)


@given(st.lists(st.one_of(patterns, patterns.map(lambda one: f"^{one}$")), min_size=1, max_size=20))
def test_what_is_found_is_what_node_finds(regex_oracle: Oracle, drawn: list[str]) -> None:
    answers = regex_oracle.ask_all([{"pattern": pattern, "texts": TEXTS} for pattern in drawn])
    for pattern, answer in zip(drawn, answers, strict=True):
        assert found(pattern) == answer["found"], pattern


def found(pattern: str) -> list[bool] | None:
    try:
        test = regex.tester(pattern)
    except regex.PatternError:
        return None
    return [test(text) for text in TEXTS]


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        (r"^\s$", "\u00a0", True),
        (r"^.$", "😀", True),
        (r"^(?!.*--)[a-z-]+$", "a" * 10_000, True),
        (r"^(?=.*[A-Z])(?=.*\d).{8,}$", "a" * 5_000 + "B1", True),
        (r"^\p{Lu}", "Ω", True),
        (r"^[\w-.]+$", "a.b-c", True),
        (r"^a$", "a\n", False),
        (r"^\w$", "é", False),
    ],
)
def test_a_pattern_of_a_schema(pattern: str, text: str, *, is_found: bool) -> None:
    assert regex.tester(pattern)(text) is is_found


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^(?=(a+)+b)x", "a" * 40),
        (r"^(([a-z])+.)+[A-Z](?=x)([a-z])+$", "a" * 60),
        (r"(.*)(.*)(.*)(.*)(.*)\1x", "a" * 200),
    ],
)
def test_a_search_that_takes_too_many_steps_says_so(pattern: str, text: str) -> None:
    test = regex.tester(pattern)
    with pytest.raises(regex.PatternError, match="limit of 200,000 steps") as refused:
        test(text)
    assert f"'{pattern}' cannot be matched against a text of {len(text)} characters" in str(refused.value)
    assert text not in str(refused.value)


def test_nested_repetitions_without_look_around_take_no_steps_at_all() -> None:
    assert regex.tester(r"^(a+)+$")("a" * 100_000 + "!") is False


def test_a_property_that_is_not_known_is_no_literal() -> None:
    with pytest.raises(regex.PatternError, match="property Emoji_Keycap_Sequence is not supported"):
        regex.tester(r"\p{Emoji_Keycap_Sequence}")
