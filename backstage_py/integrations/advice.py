"""What to do about a refusal, by the words of whoever refused; each host has a table of its own."""

import re
from collections.abc import Sequence


def by_words(table: Sequence[tuple[str, str]], message: str) -> str | None:
    """Return the advice of the first pattern that the message has, whatever its case; None when none does."""
    return next((found for words, found in table if re.search(words, message, re.IGNORECASE)), None)
