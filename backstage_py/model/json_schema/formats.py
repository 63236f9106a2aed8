"""The formats that the npm package ``jsonschema`` knows, as far as forms use them; unknown ones are always met."""

import ipaddress
from collections.abc import Callable

from backstage_py.js import numbers, regex

_TIME = r"(?:2[0-4]|[01]\d):[0-5]\d:(?:60|[0-5]\d)"
_DATE = r"\d{4}-(?:0\d|1[0-2])-(?:3[01]|0[1-9]|[12]\d)"
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
_LOCAL = r"[\w!#$%&'*+\-/=?^`{|}~]+"
_OCTET = r"(?:25[0-5]|2[0-4]\d|[01]?\d\d?)"

_PATTERNS = {
    "date-time": rf"{_DATE}[tT ]{_TIME}(?:\.\d+)?(?:[zZ]|[+-][0-5]\d:(?:60|[0-5]\d))",
    "date": _DATE,
    "time": _TIME,
    "email": rf"(?:{_LOCAL}\.)*{_LOCAL}@(?:(?:{_LABEL}\.)+{_LABEL}|\[{_OCTET}(?:\.{_OCTET}){{3}}\])",
    "ip-address": rf"{_OCTET}(?:\.{_OCTET}){{3}}",
    "uri": r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s]*",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "hostname": rf"{_LABEL}(?:\.{_LABEL})*\.?",
    "phone": r"\+(?:\d ?){6,14}\d",
    "alpha": r"[a-zA-Z]+",
    "alphanumeric": r"[a-zA-Z0-9]+",
    "json-pointer": r"(?:/(?:[^/~]|~[01])*)*",
}
_ALIASES = {"ipv4": "ip-address", "host-name": "hostname", "iri": "uri", "regexp": "regex", "pattern": "regex"}
_LONGEST_HOSTNAME = 255
_DURATION = r"[Pp](?:[Tt](?:\d+[HMShms])+|(?:\d+[DMYWdmyw])+(?:[Tt](?:\d+[HMShms])+)?)"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text.strip())
    except ValueError:
        return False
    return True


def _is_whole_number(text: str) -> bool:
    """``parseFloat(text) === parseInt(text, 10) && !isNaN(text)``."""
    number = numbers.from_text(text)
    return number == number and numbers.parse_float(text) == numbers.parse_int(text, 10)  # noqa: PLR0124  # NaN


def _holds_duration(text: str) -> bool:
    return regex.tester(_DURATION)(text)


_FUNCTIONS: dict[str, Callable[[str], bool]] = {
    "ipv6": _is_ipv6,
    "regex": lambda text: regex.problem(text) is None,
    "duration": _holds_duration,
    "utc-millisec": _is_whole_number,
}


def has_format(text: str, name: str) -> bool:
    """Return whether a string has a format."""
    name = _ALIASES.get(name, name)
    if function := _FUNCTIONS.get(name):
        return function(text)
    pattern = _PATTERNS.get(name)
    if pattern is None:
        return True
    if name == "hostname" and len(text) > _LONGEST_HOSTNAME:
        return False
    return regex.tester(f"^(?:{pattern})$")(text)
