"""A part of a long text for a message, cut between words: half a secret is one that nobody finds to hide it."""

_SEPARATORS = " \t\r\n\"'<>,;(){}[]"


def beginning(text: str, most: int) -> str:
    """Return the first words of a text, of ``most`` characters at most."""
    if len(text) <= most:
        return text
    end = most if text[most] in _SEPARATORS else max(text.rfind(one, 0, most) for one in _SEPARATORS) + 1
    return f"{text[:end].rstrip()}…"


def ending(text: str, most: int) -> str:
    """Return the last words of a text, of ``most`` characters at most."""
    if len(text) <= most:
        return text
    start = len(text) - most
    if text[start - 1] not in _SEPARATORS:
        start = min((at for one in _SEPARATORS if (at := text.find(one, start)) >= 0), default=len(text))
    return f"…{text[start:].lstrip()}"
