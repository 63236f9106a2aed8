"""Misspelled keys: those that are nobody's and look like one of ours."""

from collections.abc import Iterable

LIKE = 0.8  # of difflib's ratio; below it a key is taken for another plugin's


def nearest(key: str, known: Iterable[str], least: float = LIKE) -> str | None:
    """Return the known key that another one is taken for a misspelling of."""
    import difflib

    found = difflib.get_close_matches(key, list(known), 1, least)
    return found[0] if found else None
