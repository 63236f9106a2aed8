"""Request bodies: what is read, and the words for what cannot be."""

import gzip
import json
import random
import re
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.errors import InputError
from backstage_py.http.body import parse
from backstage_py.js import json_problem
from tests.http.harness import Site
from tests.oracle import tools

JSON = {"content-type": "application/json"}


async def post(body: bytes | None, **headers: str) -> Any:
    answer = await Site().call(
        "POST", "/echo", {name.replace("_", "-"): value for name, value in headers.items()}, body
    )
    return answer.json if answer.status == 201 else answer.json["error"]["message"]


async def test_objects_and_arrays_are_read() -> None:
    assert await post(b'{"a": [1, 2.0]}', **JSON) == {"a": [1, 2]}
    assert await post(b" [1]", content_type="application/json; charset=UTF-8") == [1]
    assert await post(b'\xef\xbb\xbf{"a":1}', **JSON) == {"a": 1}
    assert await post('{"ä":1}'.encode("utf-16"), content_type="application/json;charset=utf-16") == {"ä": 1}


async def test_no_body_and_a_body_of_another_type_read_as_empty() -> None:
    assert await post(None) == {}
    assert await post(b"", **JSON) == {}
    assert await post(b"a=1", content_type="application/x-www-form-urlencoded") == {}


async def test_compressed_bodies_are_read_within_the_limit() -> None:
    assert await post(gzip.compress(b'{"a":1}'), content_encoding="gzip", **JSON) == {"a": 1}
    bomb = gzip.compress(b'{"a":"' + b"x" * 1_000_000 + b'"}')
    assert len(bomb) > 1000 or await post(bomb, content_encoding="gzip", **JSON) == "request entity too large"
    assert await post(b"junk", content_encoding="gzip", **JSON) == "incorrect header check"
    assert await post(b"{}", content_encoding="br", **JSON) == 'unsupported content encoding "br"'


async def test_a_large_body_is_refused() -> None:
    assert await post(b'{"a":"' + b"x" * 1000 + b'"}', **JSON) == "request entity too large"
    assert await post(b"[" + b"1," * 600 + b"1]", transfer_encoding="chunked", content_length="", **JSON) == (
        "request entity too large"
    )


async def test_an_unknown_charset_is_refused() -> None:
    assert await post(b"{}", content_type="application/json; charset=iso-8859-1") == 'unsupported charset "ISO-8859-1"'
    assert await post(b"{}", content_type="application/json; charset=utf-99") == 'unsupported charset "UTF-99"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"a": ', "Unexpected end of JSON input"),
        ('{"a":1,}', "Expected double-quoted property name in JSON at position 7 (line 1 column 8)"),
        ("{a}", "Expected property name or '}' in JSON at position 1 (line 1 column 2)"),
        ('{"a": tru}', 'Unexpected token \'}\', "{"a": tru}" is not valid JSON'),
        ('{"a":1} x', "Unexpected non-whitespace character after JSON at position 8 (line 1 column 9)"),
        ("null", "Unexpected token 'n', \"null\" is not valid JSON"),
        ('"x"', 'Unexpected token \'"\', ""x"" is not valid JSON'),
        ("hello", "Unexpected token 'h', \"hello\" is not valid JSON"),
        ('{\n "a" 1}', "Expected ':' after property name in JSON at position 7 (line 2 column 6)"),
        ('["😀" 1]', "Expected ',' or ']' after array element in JSON at position 6 (line 1 column 7)"),
    ],
)
async def test_broken_json_is_described_as_node_does(body: str, message: str) -> None:
    assert await post(body.encode(), **JSON) == message


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(InputError):
        parse(b"[" * 100_000)
    with pytest.raises(InputError):
        parse(b"[" * 100_000 + b"]" * 100_000)
    assert json_problem.of('{"a":' * 50_000) == "Unexpected end of JSON input"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists, max_leaves=5
    )
)
def test_whatever_is_json_has_no_problem(value: Any) -> None:
    assert json_problem.of(json.dumps(value)) is None


_PARSE = (
    "const t=JSON.parse(require('fs').readFileSync(0));"
    "console.log(JSON.stringify(t.map(x=>{try{JSON.parse(x);return null}catch(e){return e.message}})))"
)
_PLACE = re.compile(r" \(line \d+ column \d+\)$")


def _broken_texts() -> list[str]:
    """Return texts of which most are no JSON, always the same ones."""
    pick = random.Random(5)
    letters, brackets = '{}[]":,\\ \n0123.eE+-truefalsn"ä😀', '{}[]":,a1 '

    def text(alphabet: str, least: int, most: int) -> str:
        return "".join(pick.choice(alphabet) for _ in range(pick.randint(least, most)))

    return [text(letters, 0, 12) for _ in range(2000)] + [text(brackets, 20, 40) for _ in range(1000)]


@pytest.mark.node
@pytest.mark.skipif(tools.node() is None, reason=f"{tools.missing()}")
def test_problems_are_described_as_node_describes_them() -> None:
    texts = _broken_texts()
    node = str(tools.node())
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    says_line = int(version.lstrip("v").partition(".")[0]) >= 22
    run = subprocess.run([node, "-e", _PARSE], input=json.dumps(texts), capture_output=True, text=True, check=True)
    for text, answer in zip(texts, json.loads(run.stdout), strict=True):
        # half a character, which JavaScript can hold, reaches a client as U+FFFD
        expected = answer and answer.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        found = json_problem.of(text)
        assert (found if says_line or found is None else _PLACE.sub("", found)) == expected, text
