"""URLs as JavaScript's ``new URL`` judges them; the verdicts are those of Node.js."""

import pytest

from backstage_py.model.web_url import is_url

VALID = """
http://x https:x http:\\\\x HTTP://X/p?q#f ftp://x:65535 http://user:pw@x http://x%41 http://x/%zz http://ü/ http://xn--tda
http://[::1]:80/ http://1.2.3 http://0x7f.1 http://x_y http://x{y} http://a..b http://a"b
mailto:a@b javascript:alert(1) urn:x x:/a x:// x:///a x://a%zz x://[::1]:9
file:x file:///x file://x/y file:///C:/x file:\\\\x file://C|/x
"""
INVALID = """
x //x http: http:// http://: http://:80 http://x:65536 http://x:a http://user@:80 http://x%2f http://% http://x|y http://x^
http://[::1 http://[1::2::3] http://[v1.x] http://[::1]x http://256.1.1.1 http://1.2.3.4.5 http://0x1g.9 http://08
http://xn--a http://a.xn--zz 1x://a x://a^ x://a\\b x://[::1 x://a:65536 x://u@:8 x://:8
file://x:80 file://u@x file://[1::2::3] file://x^
"""


@pytest.mark.parametrize("text", [*VALID.split(), " http://x ", "http://x/a b", "ht\ntp://x", "x:a b"])
def test_a_url(text: str) -> None:
    assert is_url(text)


@pytest.mark.parametrize("text", [*INVALID.split(), "", "http://a b", "x://a b", "http://\u200d", "http://\ufeff"])
def test_no_url(text: str) -> None:
    assert not is_url(text)
