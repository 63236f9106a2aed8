"""Which names may reach a path or a git command.

Everything that a client sends and that becomes a folder, a ref or a file name passes one of these functions first.
Each gives the name back or raises ``InvalidNameError`` with a message for the client.
"""

import re

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}", re.ASCII)
_UNFIT_FOR_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_RESERVED_OWNERS = frozenset({"api", "raw", "codeload"})
_MAX_REF = 240
_MAX_PATH = 4096


class InvalidNameError(ValueError):
    """A name that nothing can have."""


def owner(text: str) -> str:
    """Return an organisation's or user's name; the first parts of our own URLs are taken."""
    if text.lower() in _RESERVED_OWNERS:
        raise InvalidNameError(f"owner name {text!r} is reserved")
    return _plain("owner", text)


def repository(text: str) -> str:
    """Return a repository's name. ``.git`` at the end belongs to clone URLs, so no name may end with it."""
    if text.lower().endswith((".git", ".lock")):
        raise InvalidNameError(f"repository name {text!r} must not end with '.git' or '.lock'")
    return _plain("repository", text)


def dns_label(key: str, text: object) -> str:
    """Return a name that Kubernetes accepts for a resource and a namespace (RFC 1123 label)."""
    if not isinstance(text, str) or not _LABEL.fullmatch(text):
        raise InvalidNameError(
            f"'{key}' must be 1 to 63 characters a-z, 0-9 and '-', starting and ending with a letter or digit"
        )
    return text


def dns_label_or_none(text: str) -> str | None:
    """Return the text if it is an RFC 1123 label."""
    return text if _LABEL.fullmatch(text) else None


def is_sha(text: str) -> bool:
    """Tell whether the text is a full object name."""
    return bool(_SHA.fullmatch(text))


def ref(text: str) -> str:
    """Return a branch, tag or full ref name that is valid by the rules of ``git check-ref-format``."""
    parts = text.split("/")
    fits = (
        text
        and len(text) <= _MAX_REF
        and not _UNFIT_FOR_REF.search(text)
        and not text.startswith("-")
        and not text.endswith(".")
        and text != "@"
        and all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
    )
    if not fits:
        raise InvalidNameError(f"ref name {text!r} is not valid")
    return text


def tree_path(text: str) -> str:
    """Return the path of a file or folder inside a repository, without slashes at its ends; "" is the root."""
    path = text.strip("/")
    unfit = "\0" in path or "\n" in path or len(path) > _MAX_PATH
    if unfit or any(part in {"", ".", ".."} or part.lower() == ".git" for part in path.split("/") if path):
        raise InvalidNameError(f"path {text!r} is not a valid path inside a repository")
    return path


def _plain(noun: str, text: str) -> str:
    if not _NAME.fullmatch(text) or text in {".", ".."}:
        raise InvalidNameError(f"{noun} name {text!r} must be 1 to 100 characters A-Z, a-z, 0-9, '.', '_' and '-'")
    return text
