"""Distinguished names (RFC 4514) in one spelling, since servers and people write them in several."""

import re

_ESCAPED = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SEPARATORS = re.compile(r"((?:\\.|[^\\,;+])*)([,;+]?)", re.DOTALL)


def canonical(name: str) -> str:
    """Return one text for all spellings: case, escapes, spaces around commas, the order of parts joined by ``+``."""
    found: list[list[str]] = [[]]
    for match in _SEPARATORS.finditer(name):
        found[-1].append(_part(match[1]))
        if match[2] in {",", ";"}:
            found.append([])
        elif not match[2]:
            break
    return "\0".join("\1".join(sorted(one)) for one in found)


def _part(text: str) -> str:
    attribute, _, value = text.partition("=")
    return f"{attribute.strip().lower()}={_unescaped(_trimmed(value)).lower()}"


def _trimmed(value: str) -> str:
    """Take away spaces around a value, but no escaped one."""
    value = value.lstrip()
    stripped = value.rstrip()
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return f"{stripped} " if backslashes % 2 and stripped != value else stripped


def _unescaped(value: str) -> str:
    plain = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()) if match[1] else match[2], value.encode())
    return plain.decode("utf-8", "replace")
