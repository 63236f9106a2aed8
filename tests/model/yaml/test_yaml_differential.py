"""Generated texts and values, read and written here and by the JS package `yaml`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.model.json import Json
from backstage_py.model.yaml import dump, fast, load_all
from tests.model.yaml.agreement import difference
from tests.oracle.node import Oracle

pytestmark = pytest.mark.node


PLAIN = (
    "x|foo bar|1|010|0x1F|1.50|-1|.5|1e3|.inf|true|null|~|yes|2020-01-01|12:30|http://a.b/c?d=e#f|a:b|-x|é☃|😀 x|@a"
    "|`b|%c|${{ parameters.x }}|a, b|x # c|a #b|it's|x\ty|- x|a: b"
)
DECORATED = (
    '"q"|"a\\tb"|"it\'s"|"\\x41\\u00e9"|\'s\'|\'a\'\'b\'|""|[]|{}|[a, b]|{a: 1, b: [x]}|{"a":1}|{{ x }}|[a: b]'
    "|[a, [b, {c: d}]]|&a y|*a|!!str 2|!foo bar|'x' y|[a, {b: c}"
)
WORDS = st.sampled_from([*PLAIN.split("|"), *DECORATED.split("|")])
KEYS = st.sampled_from(["a", "b", "c", "name", "x-y", '"q k"', "'s'", "k 1", "true", "7", "<<"])
ENDS = st.sampled_from(["\n", "\n", "\n", "\n\n", " # c\n", "\n# top\n", "\r\n"])
LINES = st.sampled_from(["text", "more text here", "", "# no", "- x", "a: b", '"', "  deeper", "\ttab"])


@st.composite
def block_scalars(draw: st.DrawFn, indent: int) -> str:
    inner = " " * (indent + draw(st.sampled_from([1, 2, 4])))
    header = draw(st.sampled_from(["|", ">", "|-", ">-", "|+", ">+", "|2"]))
    return f"{header}\n" + "".join(f"{inner if line else ''}{line}\n" for line in draw(st.lists(LINES, max_size=5)))


SPLIT = [("a", "b"), ('"a', 'b"'), ("'a", "b'"), ("[a,", "b]"), ("{a: 1,", "b}"), ("[", "]")]


@st.composite
def multi_line(draw: st.DrawFn, indent: int) -> str:
    inner = " " * max(0, indent + draw(st.sampled_from([2, 2, 1, 0])))
    first, last = draw(
        st.sampled_from([("a", "b"), ('"a', 'b"'), ("'a", "b'"), ("[a,", "b]"), ("{a: 1,", "b}"), ("[", "]")])
    )
    return f"{first}\n{inner}{last}\n"


@st.composite
def blocks(draw: st.DrawFn, indent: int = 0, depth: int = 0) -> str:
    pad = " " * max(0, indent + draw(st.sampled_from([0] * 30 + [1, -1])))
    parts = []
    sequence = draw(st.booleans()) if depth else draw(st.sampled_from([False, False, True]))
    for _ in range(draw(st.integers(1, 3))):
        start = f"{pad}-" if sequence else f"{pad}{draw(KEYS)}:"
        kind = draw(st.integers(0, 9))
        if kind < 6 or depth > 2:
            parts.append(f"{start} {draw(WORDS)}{draw(ENDS)}")
        elif kind == 6:
            parts.append(f"{start} {draw(block_scalars(indent))}")
        elif kind == 7:
            parts.append(f"{start} {draw(multi_line(indent))}")
        else:
            inner = draw(blocks(indent + draw(st.sampled_from([2, 2, 4, 1] if sequence else [2, 2, 4, 0])), depth + 1))
            compact = sequence and draw(st.booleans()) and inner.startswith(" " * (indent + 2))
            parts.append(f"{pad}- {inner.lstrip(' ')}" if compact else f"{start}\n{inner}")
    return "".join(parts)


STARTS = st.sampled_from(["", "", "---\n", "--- # x\n"])
STOPS = st.sampled_from(["", "", "---\n", "...\n"])


@st.composite
def streams(draw: st.DrawFn) -> str:
    texts = [
        draw(st.sampled_from(["", "", "---\n", "--- # x\n"]))
        + draw(blocks())
        + draw(st.sampled_from(["", "", "---\n", "...\n"]))
        for _ in range(draw(st.sampled_from([1, 1, 1, 2])))
    ]
    return "".join(texts)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    text = draw(streams())
    at = draw(st.integers(0, max(0, len(text) - 1)))
    return text[:at] + draw(st.sampled_from(["", " ", "\n", ":", "'", '"', "#", "-", "[", ",", "  "])) + text[at + 1 :]


def assert_agreement(oracle: Oracle, text: str) -> None:
    theirs = oracle.ask({"op": "parse", "text": text})["documents"]
    assert difference(load_all(text), theirs) is None


@pytest.mark.thorough
@given(streams())
def test_generated_files_read_the_same(yaml_oracle: Oracle, text: str) -> None:
    assert_agreement(yaml_oracle, text)


@pytest.mark.thorough
@given(damaged())
def test_files_with_a_slip_of_the_finger_read_or_fail_the_same(yaml_oracle: Oracle, text: str) -> None:
    assert_agreement(yaml_oracle, text)


@given(streams())
def test_without_libyaml_generated_files_read_the_same(
    yaml_oracle: Oracle, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(fast, "available", lambda: False)
    assert_agreement(yaml_oracle, text)


PIECES = st.sampled_from(["lorem", "ipsum", "a", "x:y", '"q"', "it's", "#", "😀", "\n", "\n\n", "\n  "])
TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="ab :#-?'\"\\\n\t&*!|>%@`{}[],é😀\x01\x7f\u2028", max_size=40),
    st.lists(PIECES, max_size=60).map(" ".join),
    st.sampled_from(["yes", "null", "1", "0o7", "1e3", ".5", "---", "- x", "<<", "", "~", "true"]),
)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@pytest.mark.thorough
@given(VALUES)
def test_generated_values_are_written_the_same(yaml_oracle: Oracle, value: Json) -> None:
    assert dump(value) == yaml_oracle.ask({"op": "stringify", "value": value})["text"]
