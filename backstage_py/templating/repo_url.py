"""Backstage's repository URLs: ``github.com?owner=acme&repo=web``, read as a browser reads ``https://...``."""

import re
from collections.abc import Callable

from backstage_py.js.text import scalar
from backstage_py.js.values import UNDEFINED, Json

IntegrationType = Callable[[str], str | None]
"""Gives the type of the integration for a host, None if there is none."""

_PARAMETERS = ("owner", "organization", "workspace", "project", "repo")
_REQUIRED = {
    "bitbucketCloud": ("workspace", "project", "repo"),
    "bitbucketServer": ("project", "repo"),
    "azure": ("project", "repo"),
    "gitlab": ("owner", "repo"),
    "gitea": ("repo",),
    "gerrit": ("repo",),
}
_FORBIDDEN = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
_IGNORED = re.compile(r"[\t\n\r]")
_CONTROLS = "".join(chr(code) for code in range(0x21))
_DEFAULT_HOSTS = {
    "amazonaws.com": "awsS3",
    "blob.core.windows.net": "azureBlobStorage",
    "dev.azure.com": "azure",
    "bitbucket.org": "bitbucketCloud",
    "github.com": "github",
    "gitlab.com": "gitlab",
    "storage.cloud.google.com": "googleGcs",
}
_SCHEMES = frozenset({"http", "https"})


def default_integrations(host: str) -> str | None:
    """The integrations that Backstage has without any configuration."""
    return _DEFAULT_HOSTS.get(host)


def parse(repo_url: str, integrations: IntegrationType) -> dict[str, Json]:
    """Host, owner, repo, organization, workspace and project; UNDEFINED for what the URL does not have.

    Raises:
        ValueError: no URL, no integration for its host, or a parameter is missing that this kind of host needs.
    """
    from urllib.parse import parse_qsl

    host, rest, query = _split(repo_url)
    kind = integrations(host)
    if not kind:
        advice = f". Leave out '{host}://': a repoUrl begins with the host" if host in _SCHEMES else ""
        raise ValueError(
            f"No matching integration configuration for host {host}, please check your integrations config{advice}"
        )
    given: dict[str, str] = {}
    for name, value in parse_qsl(query.replace("&;", "&"), keep_blank_values=True, errors="replace"):
        given.setdefault(name, value)
    required = _REQUIRED.get(kind, ("repo", "owner"))
    if kind == "gitlab" and given.get("project", "").strip("/"):
        required = ()
    for name in required:
        if not given.get(name):
            raise ValueError(f"Invalid repo URL passed to publisher: https://{host}{rest}, missing {name}")
    parts: dict[str, Json] = {name: given[name].strip("/") if name in given else UNDEFINED for name in _PARAMETERS}
    return {
        "host": host,
        "owner": parts["owner"],
        "repo": parts["repo"],
        "organization": parts["organization"],
        "workspace": parts["workspace"],
        "project": parts["project"],
    }


def _split(repo_url: str) -> tuple[str, str, str]:
    """Host with port, the normalized rest for messages, and the query."""
    from urllib.parse import quote

    text = _IGNORED.sub("", f"https://{scalar(repo_url)}".rstrip(_CONTROLS))[len("https:") :].lstrip("/\\")
    end = next((index for index, character in enumerate(text) if character in "/\\?#"), len(text))
    host = _host(text[:end].rpartition("@")[2], repo_url)
    path, mark, query = text[end:].partition("#")[0].partition("?")
    encoded = quote(query, safe="!$&'()*+,-./:;=?@_~%[]\\^`{|}")
    return host, (path or "/") + (mark + encoded if mark else ""), query


def _host(authority: str, repo_url: str) -> str:
    from urllib.parse import unquote_to_bytes

    name, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        name, port = authority, ""
    invalid = ValueError(f"Invalid repo URL passed to publisher, got {repo_url}, TypeError: Invalid URL")
    if port and (not port.isdigit() or not port.isascii() or int(port[:9]) > 65535):  # noqa: PLR2004 - highest port
        raise invalid
    if name.startswith("["):
        host = name.lower()
    else:
        host = unquote_to_bytes(name).decode("utf-8", "replace")
        if not host.isascii():
            try:
                host = host.encode("idna").decode("ascii")
            except UnicodeError as error:
                raise invalid from error
        host = host.lower()
        if not host or _FORBIDDEN.search(host):
            raise invalid
    return host if port in {"", "443"} else f"{host}:{int(port)}"
