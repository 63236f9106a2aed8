"""``decodeURIComponent``."""

import re
from urllib.parse import unquote

_WRONG_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


def decode_component(text: str) -> str:
    """Return the text with every escape decoded.

    Raises:
        ValueError: an escape is broken, or the bytes are no UTF-8.
    """
    if _WRONG_ESCAPE.search(text):
        raise ValueError("URI malformed")
    return unquote(text, errors="strict")
