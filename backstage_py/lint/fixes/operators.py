"""Operators of JavaScript, as this language writes them; only where both surely mean the same."""

import re

from backstage_py.lint.fixes.edits import Edit

_WORDS = {"||": "or", "&&": "and"}
_CHAIN = r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\['[^'\]]*'\]|\[\"[^\"\]]*\"\]|\[\d+\])*"
_OPERAND = rf"(?:{_CHAIN}|'[^'\\]*'|\"[^\"\\]*\"|-?\d+(?:\.\d+)?)"
_NEGATION = re.compile(rf"!\s*(?={_CHAIN}\s*(?:\)|-?\}}\}}|&&|\|\||\?|and\b|or\b))")
_CHOICE = re.compile(
    rf"\$\{{\{{(-?)\s*(?P<condition>(?:[^?:{{}}'\"]|'[^'\\]*'|\"[^\"\\]*\")+?)\s*"
    rf"\?\s*(?P<yes>{_OPERAND})\s*:\s*(?P<no>{_OPERAND})\s*(-?)\}}\}}"
)


def instead(text: str, offset: int) -> Edit | None:
    """Return the edit for the operator at which a text does not parse, None for what has no sure counterpart."""
    for start in (offset - 1, offset):
        if start >= 0 and (word := _WORDS.get(text[start : start + 2])):
            return _spaced(text, start, word)
    if found := _NEGATION.match(text, offset):
        return Edit(offset, found.end(), "not ")
    if text.startswith("?.", offset):
        return Edit(offset, offset + (2 if text.startswith("[", offset + 2) else 1), "")
    if text.startswith("=", offset) and text[offset + 1 : offset + 2] not in ("=", ">"):
        return Edit(offset, offset + 1, "==")
    return _choice(text, offset) if text.startswith("?", offset) else None


def _spaced(text: str, start: int, word: str) -> Edit:
    before = "" if text[start - 1 : start].isspace() else " "
    after = "" if text[start + 2 : start + 3].isspace() else " "
    return Edit(start, start + 2, f"{before}{word}{after}")


def _choice(text: str, offset: int) -> Edit | None:
    """``yes if condition else no`` for ``condition ? yes : no``, if that is the whole expression."""
    found = _CHOICE.match(text, text.rfind("${{", 0, offset)) if "${{" in text[:offset] else None
    if found is None or not found.start("condition") < offset < found.start("yes"):
        return None
    written = f"{found['yes']} if {found['condition']} else {found['no']}"
    return Edit(found.start("condition"), found.end("no"), written)
