"""Whether a revision is the one that is meant."""

import re

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def matches(wanted: str, found: str) -> bool:
    """Whether a revision, such as Flux's ``main@sha1:<commit>``, is the one wanted; a commit may be shortened."""
    commit = found.rpartition(":")[2]
    if wanted in (found, commit):
        return True
    return bool(_COMMIT.fullmatch(wanted.lower())) and commit.lower().startswith(wanted.lower())


def short(revision: str) -> str:
    """Return a revision as it is shown: a commit by its first characters."""
    name, sign, commit = revision.rpartition(":")
    return f"{name}{sign}{commit[:7]}" if _COMMIT.fullmatch(commit) else revision
