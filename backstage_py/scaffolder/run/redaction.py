"""Taking secrets out of what is shown.

A secret is looked for in each form in which it may surface: as it is, trimmed, line by line, escaped for JSON (once
and twice), for a URL, for HTML, in hexadecimal and in base64 at each of its three alignments. Very short secrets would
blank half of a log (Backstage's issue 8066): up to one character is ignored, up to three counts only as a whole word.
"""

import base64
import html
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus

from backstage_py.js.convert import to_string
from backstage_py.metrics.scaffolder import REDACTIONS
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.scaffolder.run import occurrences

MASK = "***"
_IGNORED_LENGTH = 1
_WORD_LENGTH = 3
_SHORTEST_LINE = 6
_SHORTEST_BASE64 = 6  # of the secret; the inner part of less says too little


class Redactor:
    """Replaces secrets in texts and JSON values. Secrets may be added while it is in use.

    Attributes:
        forms: what is looked for, the longest first.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.forms: Sequence[str] = ()
        self._words: re.Pattern[str] | None = None
        self._known: set[str] = set()
        self._short: set[str] = set()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these, too."""
        before = len(self._known), len(self._short)
        for secret in secrets:
            trimmed = secret.strip()
            if len(trimmed) <= _IGNORED_LENGTH:
                continue
            if len(trimmed) <= _WORD_LENGTH:
                self._short.add(trimmed)
            elif trimmed not in self._known:
                self._known.update(forms(secret))
        if (len(self._known), len(self._short)) == before:
            return
        self.forms = sorted(self._known, key=len, reverse=True)
        if self._short:
            alternatives = "|".join(re.escape(word) for word in sorted(self._short, key=len, reverse=True))
            self._words = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")

    def text(self, text: str) -> str:
        """Return the text with every secret replaced by ``***``; overlapping ones become a single mask."""
        return self._hidden(text, occurrences.present(text, self.forms))

    def value(self, value: Json) -> Json:
        """Return the JSON value with secrets replaced in its strings and keys, and for numbers that are one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict | list) and (self.forms or self._words):
            strings = "\0".join(all_strings(value))  # one search for all; what is found across two is in neither
            return self._within(value, occurrences.present(strings, self.forms))
        return value

    def _within(self, value: Json, found: Sequence[str]) -> Json:
        """Return the value without those of the forms that are in it."""
        if isinstance(value, str):
            return self._hidden(value, [form for form in found if form in value])
        if isinstance(value, dict):
            return {self._within(key, found): self._within(item, found) for key, item in value.items()}
        if isinstance(value, list):
            return [self._within(item, found) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and to_string(value) in self._known:
            return MASK
        return value

    def _hidden(self, text: str, found: Sequence[str]) -> str:
        shown = occurrences.replaced(text, found, MASK) if found else text
        if self._words:
            shown = self._words.sub(MASK, shown)
        if shown != text:
            REDACTIONS.inc()
        return shown


@lru_cache(maxsize=1_024)
def forms(secret: str) -> frozenset[str]:
    """Return the forms in which a secret of more than three characters may surface."""
    trimmed = secret.strip()
    plain = {secret, trimmed, *(line.strip() for line in trimmed.splitlines() if len(line.strip()) >= _SHORTEST_LINE)}
    found: set[str] = set()
    for text in plain:
        once = _json_escaped(text)
        found |= {text, once, _json_escaped(once), html.escape(text), html.escape(text, quote=False)}
        found |= _as_python_writes(text) | {text.replace("'", "''"), text.replace("'", "'\"'\"'")}  # YAML, shell
        found |= {
            quote(text, safe=""),
            quote(text),
            quote_plus(text),
            quote(text, safe="!'()*"),
            _lower_hex(quote(text, safe="")),
        }
    for text in {secret, trimmed}:
        raw = text.encode(errors="surrogatepass")
        found |= {raw.hex(), raw.hex().upper()}
        found |= set(_base64(raw))
    return frozenset(form for form in found if len(form.strip()) > _WORD_LENGTH)


def differing_strings(
    with_secrets: Json,
    without: Json,
    shown: Callable[[str], str] = str,
    is_written: Callable[[str], bool] = lambda _key: False,
) -> Iterator[str]:
    """Yield the strings that a rendering holds because it could see the secrets.

    Comparing a value rendered with secrets to the same rendered without finds what templates made of a secret:
    ``${{ secrets.token | upper }}`` or a text around it. Values are compared by their keys, as in Backstage 1.57: a
    member that is not there without secrets moves no public one.

    Args:
        with_secrets: rendered with all there is.
        without: rendered with less.
        shown: how a string is shown already; one that looks like its counterpart then need not be found.
        is_written: whether an author wrote a key, so that it stems from no secret.
    """
    if isinstance(with_secrets, int | float):
        if with_secrets != without and not isinstance(with_secrets, bool):
            yield from _long_number(with_secrets)
    elif isinstance(with_secrets, str):
        if with_secrets != without and shown(with_secrets) != without:
            yield with_secrets
    elif isinstance(with_secrets, list):
        others = without if isinstance(without, list) else []
        for index, item in enumerate(with_secrets):
            yield from differing_strings(item, others[index] if index < len(others) else None, shown, is_written)
    elif isinstance(with_secrets, Mapping):
        other = without if isinstance(without, Mapping) else {}
        for key, value in with_secrets.items():
            known = key
            if key not in other and not is_written(key):
                known = shown(key)
                if known not in other:
                    yield key
            yield from differing_strings(value, other.get(known), shown, is_written)


def _long_number(number: float) -> Iterator[str]:
    """Yield a number's text unless it is so short that hiding it would blank half of a log."""
    text = to_string(number)
    if len(text) > _WORD_LENGTH:
        yield text


def veiled(value: Json, public: Collection[str]) -> Json:
    """Return what an action made of an input with secrets, with a mask for each text and number that is not public.

    Args:
        value: its output.
        public: strings of the input as it is without secrets. Short ones do not count as values, since a secret may be
            put together from them; a key may be a part of one, as of an expression.
    """
    if isinstance(value, str):
        return value if value in public and len(value) > _WORD_LENGTH else MASK
    if isinstance(value, list):
        return [veiled(item, public) for item in value]
    if isinstance(value, dict):
        return {
            key if any(key in text for text in public) else MASK: veiled(item, public) for key, item in value.items()
        }
    return value if value is None or isinstance(value, bool) else MASK


def all_keys(value: Json) -> Iterator[str]:
    """Yield every key of a value."""
    if isinstance(value, list):
        for item in value:
            yield from all_keys(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from all_keys(item)


def all_strings(value: Json) -> Iterator[str]:
    """Yield every string and key of a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from all_strings(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from all_strings(item)


def _as_python_writes(text: str) -> set[str]:
    """Return the forms of messages that quote by ``repr`` or ``ascii``, as ``OSError`` does, and of those in JSON."""
    raw = text.encode(errors="surrogatepass")
    found = {repr(text)[1:-1], repr('"' + text)[2:-1], ascii(text)[1:-1], ascii('"' + text)[2:-1], repr(raw)[2:-1]}
    found.discard(text)
    return found | {_json_escaped(form) for form in found} | {repr(form)[1:-1] for form in found}


def _json_escaped(text: str) -> str:
    try:
        return json.text(text)[1:-1]
    except TypeError:  # a lone surrogate is no JSON text
        return text


def _lower_hex(escaped: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), escaped)


def _base64(raw: bytes) -> Iterator[str]:
    """Yield the base64 that depends on the secret alone, for each place at which it may stand in what is encoded."""
    if len(raw) < _SHORTEST_BASE64:
        yield base64.b64encode(raw).decode()
        return
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw).decode()
        first = -(-offset * 8 // 6)  # characters that also hold bits of what stands before
        bits = (offset + len(raw)) * 8
        inner = encoded[first : bits // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
