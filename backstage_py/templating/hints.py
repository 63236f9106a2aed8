"""Hints: what to write in place of syntax from other languages."""

from collections.abc import Iterable

from backstage_py.js.errors import Failure

_OPERATORS = {
    "||": 'write "or"',
    "&&": 'write "and"',
    "??": 'write "a | default(b)", which replaces undefined only',
    "?.": 'write "."; looking into undefined gives undefined here, so "?." is not needed',
}
_TAGS = {
    "elsif": "elif",
    "elseIf": "elif",
    "elif_": "elif",
    "elsefi": "elif",
    "endIf": "endif",
    "EndIf": "endif",
    "end_if": "endif",
    "fi": "endif",
    "endFor": "endfor",
    "end_for": "endfor",
    "done": "endfor",
    "foreach": "for",
    "let": "set",
    "var": "set",
    "assign": "set",
    "unless": "if not",
    "endunless": "endif",
    "function": "macro",
    "case": "switch",
}
_LOADING = frozenset({"include", "import", "from", "extends"})


def unexpected_character(code: str, index: int) -> Failure:
    """The failure for a character that begins no token, with a hint for operators of other languages."""
    character = code[index]
    return Failure(f'Unexpected character "{character}"', pos=index, hint=_character_hint(code, index), syntax=True)


def _character_hint(code: str, index: int) -> str | None:
    character = code[index]
    pair = code[index : index + 2]
    if pair in _OPERATORS:
        return _OPERATORS[pair]
    if character == "!":
        return 'write "not"'
    if character == "?":
        return 'write "a if condition else b" instead of "condition ? a : b"'
    if character == "&":
        return 'write "and"'
    if character == "`":
        return 'write strings in single or double quotes, and join them with "~"'
    if character == "$":
        return 'an expression is already inside "${{ }}"; write names without "$"'
    if character in "\u201c\u201d\u2018\u2019":
        return "write straight quotes"
    if character == ";":
        return "an expression needs no semicolon"
    return None


def unexpected_token(before: str, value: str) -> str | None:
    """A hint for a token that cannot stand where it does; ``before`` is the token in front of it."""
    if before == "|" and value == "|":
        return _OPERATORS["||"]
    if value == "=":
        return 'compare with "=="; assign with "{% set name = value %}"'
    if value == ">" and before == "=":
        return "there are no arrow functions; use a for loop or a filter such as select"
    if value == "else":
        return 'write "a if condition else b"'
    return None


def structural_tag(name: str, rest: str) -> str | None:
    """A hint for an ``else``, ``end...`` or unknown tag."""
    if name == "else" and rest.split()[:1] == ["if"]:
        return f'write "{{% elif {rest[2:].strip()} %}}"'
    if name == "end" and rest.split()[:1]:
        return f'write "{{% end{rest.split(maxsplit=1)[0].lower()} %}}"'
    known = _TAGS.get(name)
    return f'write "{{% {known} %}}"' if known else None


def unknown_tag(name: str, known: Iterable[str], rest: str) -> Failure:
    """The failure for a tag that the language does not have."""
    if name in _LOADING:
        return Failure(
            f'"{name}" loads another template, which Backstage does not allow',
            hint="put the text into this file, or into a macro of this file",
            syntax=True,
        )
    if not name:
        return Failure('A tag needs a name after "{%"', syntax=True)
    return Failure(f'Unknown tag "{name}"', hint=structural_tag(name, rest) or did_you_mean(name, known), syntax=True)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The nearest known name as a hint."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else None


def unknown(what: str, name: str, known: Iterable[str]) -> Failure:
    """The failure for a filter or test that does not exist."""
    return Failure(f'Unknown {what} "{name}"', hint=_habit(name) or did_you_mean(name, known))


_HABITS = {
    "tojson": 'write "dump"',
    "to_json": 'write "dump"',
    "json": 'write "dump"',
    "jsonify": 'write "dump" ("jsonify" exists with cookiecutterCompat only)',
    "toLowerCase": 'write "lower"',
    "lowercase": 'write "lower"',
    "toUpperCase": 'write "upper"',
    "uppercase": 'write "upper"',
    "size": 'write "length"',
    "count": 'write "length"',
    "split": 'call the method: "value.split(separator)"',
    "startsWith": 'call the method: "value.startsWith(text)"',
    "map": "there is no map filter; use a for loop, or join and sum with an attribute",
    "unique": "there is no unique filter",
    "none": 'write "null"',
}


def _habit(name: str) -> str | None:
    return _HABITS.get(name)
