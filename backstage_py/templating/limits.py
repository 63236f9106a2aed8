"""Bounds on what one render may do."""

from typing import NamedTuple

from backstage_py.js.errors import MAX_STEPS, MAX_TEXT


class Limits(NamedTuple):
    """Bounds of one render; the defaults are nunjitsu's where it has the same bound.

    Attributes:
        source: UTF-16 code units of the template.
        work: evaluated nodes, loop rounds and visited entries of collections.
        nesting: levels of nested evaluation.
        output: UTF-16 code units written, captured text counted each time that it is written.
        scratch: UTF-16 code units of one text that an expression builds.
        calls: calls of registered filters and global functions.
        entries: entries of one array, record, map or set.
        regex: steps of one match of a pattern that needs backtracking.
    """

    source: int = 4 * 1024 * 1024
    work: int = 1_000_000
    nesting: int = 512
    output: int = 16 * 1024 * 1024
    scratch: int = MAX_TEXT
    calls: int = 4096
    entries: int = 100_000
    regex: int = MAX_STEPS
