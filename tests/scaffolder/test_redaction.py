import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.scaffolder.run.redaction import MASK, Redactor, differing_strings

ABSENT = [f"not there {number}" for number in range(20)]
SECRET = 'pa"ss/w+örd & \\co'


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET, ensure_ascii=False), ensure_ascii=False)[3:-3],
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower().replace("%c3%b6", "%c3%b6"),
        quote_plus(SECRET),
        html.escape(SECRET),
        SECRET.encode().hex(),
    ],
)
def test_a_secret_is_found_in_every_form(shown: str) -> None:
    assert Redactor([SECRET]).text(f"before {shown} after") == "before *** after"


@given(st.binary(max_size=5), st.binary(max_size=5), st.text("abcXYZ019-_", min_size=8, max_size=40))
def test_a_secret_inside_something_that_is_base64_is_found_at_any_alignment(
    before: bytes, after: bytes, secret: str
) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    shown = Redactor([secret]).text(encoded)
    kept = "".join(part for part in shown.split("***"))
    assert "***" in shown
    assert len(kept) <= len(encoded) - len(secret) * 8 // 6 + 4  # at most the letters that also hold neighbours' bits


@given(st.text(max_size=40), st.text(min_size=4, max_size=20), st.text(max_size=40))
def test_no_text_keeps_a_secret(before: str, secret: str, after: str) -> None:
    redactor = Redactor([secret])
    shown = redactor.text(before + secret + after)
    if len(secret.strip()) > 3 and secret.strip() not in "***":
        assert secret.strip() not in shown


def test_short_secrets_do_not_blank_the_log() -> None:
    redactor = Redactor(["", " ", "a", "no", "yes"])
    assert redactor.text("a notebook says no, yesterday: yes") == "a notebook says ***, yesterday: ***"


def test_lines_of_a_secret_are_found_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nw0BAQEFAASCBKcwggSj\n-----END KEY-----\n"
    assert Redactor([key]).text("got MIIEvQIBADANBgkqhkiG here") == "got *** here"


def test_overlapping_secrets_become_one_mask() -> None:
    assert Redactor(["abcdef", "defghi"]).text("xabcdefghix") == "x***x"


def test_secrets_are_taken_out_of_values_and_keys() -> None:
    redactor = Redactor(["hunter22"])
    assert redactor.value({"a": ["hunter22", 1, None], "hunter22": "x hunter22"}) == {
        "a": ["***", 1, None],
        "***": "x ***",
    }


def test_what_templates_made_of_secrets_is_found_by_comparing() -> None:
    with_secrets = {"a": "same", "b": "TOKEN", "c": ["x", {"d": "deep"}], "e": "only with secrets"}
    without = {"a": "same", "b": "", "c": ["x", {"d": ""}]}
    assert set(differing_strings(with_secrets, without)) == {"TOKEN", "deep", "e", "only with secrets"}


def masked_one_by_one(text: str, secrets: list[str]) -> str:
    """What is shown by the definition: overlapping occurrences become one mask, neighbours two."""
    spans = sorted(
        (at, at + len(one)) for one in secrets for at in range(len(text) - len(one) + 1) if text.startswith(one, at)
    )
    shown, end = "", 0
    for start, stop in spans:
        shown += (text[end:start] + MASK) if start >= end else ""
        end = max(end, stop)
    return shown + text[end:]


@given(
    st.lists(st.text("ab", min_size=4, max_size=9) | st.sampled_from(["aaaa", "abababab", "aabaabaa"]), max_size=6),
    st.text("ab", max_size=60) | st.lists(st.sampled_from(["aaaaaaaa", "abab", "aab", "b"])).map("".join),
    st.sampled_from([1, 2_000]),
)
def test_the_fast_search_masks_what_the_definition_masks(secrets: list[str], text: str, times: int) -> None:
    """Periodic secrets and long texts take ways of their own."""
    redactor = Redactor(secrets)
    if times > 1:
        text = (text[:7] * times)[:4_100] + text
        redactor.add(ABSENT)
    assert redactor.text(text) == masked_one_by_one(text, [form for form in redactor.forms if form in text])
