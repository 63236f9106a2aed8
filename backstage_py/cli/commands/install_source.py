"""How this very backstage-py is installed elsewhere: what generated files name, whether there is a release or not."""

import json
import re
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

_NAME = "backstage-py"
_SCP = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+):(?P<path>[^/].*)")


def requirement(extras: Sequence[str] = ()) -> str:
    """Return a requirement for pip: a git URL or a path where this was installed from one, else the released one."""
    named = f"{_NAME}[{','.join(extras)}]" if extras else _NAME
    url = _source()
    return f"{named} @ {url}" if url else named


def _source() -> str | None:
    origin = _direct_url()
    url = str(origin.get("url") or "")
    vcs = origin.get("vcs_info")
    if isinstance(vcs, dict) and url:
        return f"git+{_without_user(url)}@{vcs.get('commit_id') or vcs.get('requested_revision') or 'main'}"
    if not url.startswith("file://"):
        return _without_user(url) or None
    folder = Path(unquote(urlsplit(url).path))
    return _remote(folder) or folder.as_uri()


def _direct_url() -> dict[str, object]:
    """Return what pip noted about where it took this package from; nothing for an index."""
    try:
        noted = metadata.distribution(_NAME).read_text("direct_url.json")
        found = json.loads(noted) if noted else {}
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remote(folder: Path) -> str | None:
    """Return the git URL of a checkout at its commit, None where it has none that others may reach."""
    address, commit = _git(folder, "remote", "get-url", "origin"), _git(folder, "rev-parse", "HEAD")
    if not address or not commit:
        return None
    if address.startswith(("https://", "http://", "ssh://")):
        return f"git+{_without_user(address)}@{commit}"
    if found := _SCP.fullmatch(address):
        user = f"{found['user']}@" if found["user"] else ""
        return f"git+ssh://{user}{found['host']}/{found['path']}@{commit}"
    return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _without_user(url: str) -> str:
    """Return an http(s) URL without a name and password, which may be a token."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
