"""The formats that the npm package ``jsonschema`` knows; unknown ones are always met."""

import ipaddress
import re
from collections.abc import Callable
from functools import cache

from backstage_py.js import numbers
from backstage_py.js.text import trim
from backstage_py.model.json import Json
from backstage_py.model.npm_jsonschema.javascript import INHERITED, call_inherited
from backstage_py.model.npm_jsonschema.patterns import is_pattern

_TIME = r"(?:2[0-4]|[01]\d):[0-5]\d:(?:60|[0-5]\d)"
_DATE = r"\d{4}-(?:0\d|1[0-2])-(?:3[01]|0[1-9]|[12]\d)"
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
_LOCAL = r"[\w!#$%&'*+\-/=?^`{|}~]+"
_OCTET = r"(?:25[0-5]|2[0-4]\d|[01]?\d\d?)"
_POINTER = "(?:/(?:[^/~\x80-\U0010ffff]|[\u017f\u212a]|~[01])*)*"  # two letters beyond ASCII are k and s in other cases
_IDN_ATOM = "[!#-'*+\\-/-9=?A-Z^-\U0010ffff]"
_IDN_ATOMS = rf"{_IDN_ATOM}(?:\.?{_IDN_ATOM})*"
_BYTE = r"(?:1?[1-9]?\d|10\d|2[0-4]\d|25[0-5])"
_SHARE = r"(?:\s*(?:\d?\d%|100%)+\s*)"
_COLORS = "aqua|black|blue|fuchsia|gray|green|lime|maroon|navy|olive|orange|purple|red|silver|teal|white|yellow"


def _reference(more: str) -> str:
    """Return the pattern of RFC 3986's ``URI-reference``, with more characters in its parts if there are any."""
    escape = "%[0-9A-Fa-f]{2}"
    host = f"(?:{escape}|[!$&-.0-9;=A-Z_a-z~{more}])*"
    literal = rf"\[(?:[Vv][0-9A-Fa-f]+\.[!$&-.0-;=A-Z_a-z~{more}]+|[.0-:A-Fa-f]+)?\]"
    authority = rf"(?:{host}|{literal})(?::\d*)?"
    part = f"(?:{escape}|[!$&-.0-;=@-Z_a-z~{more}])"
    path = f"(?://{authority}(?:/{part}*)*|/(?:{part}+(?:/{part}*)*)?|{part}+(?:/{part}*)*|)"
    first = f"(?:{escape}|[!$&-.0-9;=@-Z_a-z~{more}])"
    relative = f"(?://{authority}(?:/{part}*)*|/(?:{part}+(?:/{part}*)*)?|{first}+(?:/{part}*)*|)"
    rest = f"(?:{escape}|[!$&-;=?-Z_a-z~{more}])*"
    return rf"(?:[A-Za-z][A-Za-z0-9+.-]*:{path}|{relative})(?:\?{rest})?(?:\#{rest})?"


_PATTERNS = {
    "date-time": rf"{_DATE}[tT ]{_TIME}(?:\.\d+)?(?:[zZ]|[+-][0-5]\d:(?:60|[0-5]\d))",
    "date": _DATE,
    "time": _TIME,
    "email": rf"(?:{_LOCAL}\.)*{_LOCAL}@(?:(?:{_LABEL}\.)+{_LABEL}|\[{_OCTET}(?:\.{_OCTET}){{3}}\])",
    "idn-email": f'(?:"(?:[!#-\\[\\]-\U0010ffff]|\\\\[\\t -\U0010ffff])*"|{_IDN_ATOMS})'
    f"@(?:{_IDN_ATOMS}|\\[[!-Z^-\U0010ffff]*\\])",
    "ip-address": rf"{_OCTET}(?:\.{_OCTET}){{3}}",
    "uri": r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]*",
    "uri-reference": _reference(""),
    "iri-reference": _reference("\x7f-\U0010ffff"),
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "hostname": rf"(?=.{{1,255}}\Z){_LABEL}(?:\.{_LABEL})*\.?",
    "phone": r"\+(?:\d ?){6,14}\d",
    "alpha": r"[a-zA-Z]+",
    "alphanumeric": r"[a-zA-Z0-9]+",
    "json-pointer": _POINTER,
    "relative-json-pointer": rf"\d+(?:#|{_POINTER})",
    "color": rf"\#?(?:[0-9A-Fa-f]{{3}}){{1,2}}|{_COLORS}"
    rf"|rgb\(\s*{_BYTE}\s*,\s*{_BYTE}\s*,\s*{_BYTE}\s*\)|rgb\({_SHARE},{_SHARE},{_SHARE}\)",
}
_CLOCK = r"T\d+(?:H(?:\d+M(?:\d+S)?)?|M(?:\d+S)?|S)"
_DURATION = re.compile(
    rf"P(?:{_CLOCK}|\d+(?:D|M(?:\d+D)?|Y(?:\d+M(?:\d+D)?)?)(?:{_CLOCK})?|\d+W)", re.IGNORECASE | re.ASCII
)
_ZONE = re.compile("[^\n\r\u2028\u2029]+")


def _is_ipv6(text: str) -> bool:
    address, percent, zone = trim(text).partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def _is_whole_number(text: str) -> bool:
    number = numbers.from_text(text)
    return number == number and numbers.parse_float(text) == numbers.parse_int(text, 10)  # noqa: PLR0124  # not NaN


def _is_style(text: str) -> bool:
    """Return whether there is something, and a colon somewhere behind it; that may be a colon itself."""
    before, colon, behind = text.partition(":")
    return bool(colon and (before.strip("\r\n\t ") or ":" in behind))


def _is_shape(name: str) -> Callable[[str], bool]:
    return lambda text: _pattern(name).fullmatch(text) is not None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Compile a pattern when it is first asked for: all of them take longer than a service takes for its settings."""
    return re.compile(_PATTERNS[name], re.ASCII)


_FORMATS: dict[str, Callable[[str], bool]] = {
    **{name: _is_shape(name) for name in _PATTERNS},
    "ipv6": _is_ipv6,
    "regex": is_pattern,
    "duration": lambda text: _DURATION.search(text) is not None,
    "style": _is_style,
    "utc-millisec": _is_whole_number,
    "uri-template": lambda _text: True,
}
for _name, _other in {
    "ipv4": "ip-address",
    "host-name": "hostname",
    "iri": "uri",
    "regexp": "regex",
    "pattern": "regex",
}.items():
    _FORMATS[_name] = _FORMATS[_other]
_NAMES = frozenset(_FORMATS)


def has_format(value: Json, name: str) -> bool:
    """Return whether a value has a format; only texts can lack one.

    Raises:
        SchemaProblem: the name is that of a function that does something else.
    """
    if name in INHERITED and name != "__proto__":
        return call_inherited(name, value, _NAMES if isinstance(value, str) else frozenset())
    known = _FORMATS.get(name)
    return known is None or not isinstance(value, str) or known(value)
