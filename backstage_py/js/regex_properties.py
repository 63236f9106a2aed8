r"""Which code points have a Unicode property, for ``\p{…}`` in patterns with the flag u. RE2 holds the tables."""

from functools import lru_cache

from backstage_py.js.errors import Failure

_CATEGORIES = {
    "Control": "Cc",
    "cntrl": "Cc",
    "Format": "Cf",
    "Private_Use": "Co",
    "Letter": "L",
    "Lowercase_Letter": "Ll",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo",
    "Titlecase_Letter": "Lt",
    "Uppercase_Letter": "Lu",
    "Mark": "M",
    "Combining_Mark": "M",
    "Spacing_Mark": "Mc",
    "Enclosing_Mark": "Me",
    "Nonspacing_Mark": "Mn",
    "Number": "N",
    "Decimal_Number": "Nd",
    "digit": "Nd",
    "Letter_Number": "Nl",
    "Other_Number": "No",
    "Punctuation": "P",
    "punct": "P",
    "Connector_Punctuation": "Pc",
    "Dash_Punctuation": "Pd",
    "Close_Punctuation": "Pe",
    "Final_Punctuation": "Pf",
    "Initial_Punctuation": "Pi",
    "Other_Punctuation": "Po",
    "Open_Punctuation": "Ps",
    "Symbol": "S",
    "Currency_Symbol": "Sc",
    "Modifier_Symbol": "Sk",
    "Math_Symbol": "Sm",
    "Other_Symbol": "So",
    "Separator": "Z",
    "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp",
    "Space_Separator": "Zs",
}
_SHORT = frozenset(_CATEGORIES.values())
_SURROGATES = range(0xD800, 0xE000)
_WHOLE = {"Any": ((0, 0x10FFFF),), "ASCII": ((0, 0x7F),)}


@lru_cache(maxsize=64)
def property_ranges(name: str | None, value: str) -> tuple[tuple[int, int], ...]:
    r"""The ranges of code points for ``\p{value}`` or ``\p{name=value}``.

    Known are general categories, scripts by their long name, Any and ASCII.

    Raises:
        Failure: the property is not known here.
    """
    if name is None and value in _WHOLE:
        return _WHOLE[value]
    category = _CATEGORIES.get(value, value)
    if name in {None, "General_Category", "gc"} and category in _SHORT:
        return _found(category)
    if name in {"Script", "sc"} and value not in _SHORT:
        return _found(value)
    whole = value if name is None else f"{name}={value}"
    raise Failure(f"The Unicode property {whole} is not supported in regular expressions")


def _found(property_: str) -> tuple[tuple[int, int], ...]:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(rf"\p{{{property_}}}+", options)
    except re2.error as error:
        raise Failure(f"The Unicode property {property_} is not supported in regular expressions") from error
    spans = (match.span() for match in pattern.finditer(_every_character()))
    return tuple((_code(begin), _code(end - 1)) for begin, end in spans)


@lru_cache(maxsize=1)
def _every_character() -> str:
    return "".join(map(chr, (*range(_SURROGATES.start), *range(_SURROGATES.stop, 0x110000))))


def _code(index: int) -> int:
    return index if index < _SURROGATES.start else index + len(_SURROGATES)
