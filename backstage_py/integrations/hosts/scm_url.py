"""URLs of files and folders on git hosts: taking them apart, and relative URLs as seen from a file.

Each kind of host writes owner, repository, ref and path in its own way; a ref is one path segment, as in Backstage.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit, urlunsplit

from backstage_py.errors import InputError, NotAllowedError
from backstage_py.integrations import gerrit
from backstage_py.model import web_url
from backstage_py.model.scm import ScmIntegration

_SHAPES = {
    "github": r"/(?P<owner>[^/]+)/(?P<name>[^/]+)(?:/(?P<kind>blob|tree|raw|edit)/(?P<ref>[^/]+)(?:/(?P<path>.*))?)?/?",
    "gitlab": (
        r"/(?P<owner>.+?)/(?P<name>[^/]+?)"
        r"(?:(?:/-)?/(?P<kind>blob|tree|raw|edit)/(?P<ref>[^/]+)(?:/(?P<path>.*))?)?/?"
    ),
    "gerrit": (
        r"/(?:(?P<owner>(?!\+/)[^/]+(?:/(?!\+/)[^/]+)*?)/)?(?P<name>(?!\+/)[^/]+)"
        r"(?:/(?P<kind>\+/refs/(?:heads|tags)|\+(?=/(?:HEAD|[0-9a-f]{40})(?:/|$)))/(?P<ref>[^/]+)(?:/(?P<path>.*))?)?/?"
    ),
    "gitea": (
        r"/(?P<owner>[^/]+)/(?P<name>[^/]+)"
        r"(?:/(?P<kind>src|raw|_edit)/(?:branch|tag|commit)/(?P<ref>[^/]+)(?:/(?P<path>.*))?)?/?"
    ),
    "bitbucketCloud": (r"/(?P<owner>[^/]+)/(?P<name>[^/]+)(?:/(?P<kind>src|raw)/(?P<ref>[^/]+)(?:/(?P<path>.*))?)?/?"),
    "bitbucketServer": (
        r"/(?:projects/(?P<owner>[^/]+)|users/(?P<user>[^/]+))/repos/(?P<name>[^/]+)"
        r"(?:/(?P<kind>browse|raw|src)(?:/(?P<path>.*))?)?/?"
    ),
}
_ANY_HOST = _SHAPES["gitlab"]
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AZURE_GIT = "_git"
AZURE_TAG = "_git tag"
"""The ``kind`` of a URL on Azure DevOps whose ref is a tag."""


GERRIT_BRANCH, GERRIT_COMMIT = "+/refs/heads", "+"
"""The ``kind`` of a URL of Gitiles that names a branch, or a commit."""


@dataclass(frozen=True, slots=True)
class ScmUrl:
    """A file or folder in a repository.

    Attributes:
        site: scheme and host, and the folder below which a self-hosted host is served.
        owner: organisation, user, group path or project key; that of a user of Bitbucket Server is ``~`` and the name.
        kind: the word in the URL that tells files from folders (``blob``, ``tree``, …); empty for a whole repository.
        ref: branch, tag or commit; empty when the URL names none.
        path: decoded, without a slash at its start; empty for the root.
    """

    site: str
    owner: str
    name: str
    kind: str
    ref: str
    path: str

    @property
    def full_name(self) -> str:
        """``owner/name``; a project of Gerrit may have no owner."""
        return f"{self.owner}/{self.name}".lstrip("/")


def is_absolute(url: str) -> bool:
    """Tell whether the text has a scheme, as ``new URL(text)`` in JavaScript would accept it."""
    return bool(_ABSOLUTE.match(url))


def parse(url: str, integration: ScmIntegration) -> ScmUrl:
    """Take a URL of a host apart.

    Raises:
        InputError: the URL has not the shape that the host's URLs have, or climbs with ``..``.
    """
    if web_url.climbs(re.split("[?#]", url, maxsplit=1)[0]):
        raise InputError(f"Invalid SCM URL: path traversal is not allowed in the URL {url}")
    try:
        url = web_url.canonical(url)
    except ValueError as error:
        raise InputError(f"Incorrect URL: {url}, Error: Invalid URL") from error
    if integration.type == "azure":
        return _parse_azure(url)
    parts = urlsplit(url)
    folder = _relative_folder(integration)
    whole = _without_sign_in(parts.path, integration)
    found = re.fullmatch(_SHAPES.get(integration.type, _ANY_HOST), whole.removeprefix(folder))
    if not found or not whole.startswith(folder):
        raise InputError(f"Incorrect URL: {url}, it names no repository of {integration.type} host {integration.host}")
    named = found.groupdict()
    ref = named.get("ref") or _first(parts.query, "at").removeprefix("refs/heads/")
    return ScmUrl(
        site=f"{_site(parts)}{folder}",
        owner=unquote(named["owner"] or (f"~{named['user']}" if named.get("user") else "")),
        name=unquote(named["name"]).removesuffix(".git"),
        kind=named.get("kind") or "",
        ref=unquote(ref),
        path=_checked_path(url, (named.get("path") or "").strip("/")),
    )


def resolve(url: str, base: str, integration: ScmIntegration | None) -> str:
    """Return ``url`` as seen from the file at ``base``; absolute URLs stay as they are.

    ``/x`` starts at the root of the repository, anything else at the folder of ``base``. The query of ``base`` is
    kept. On GitHub the answer is a ``tree`` URL, which its readers take for files too.

    Raises:
        NotAllowedError: the result would lie outside the repository and ref of ``base``. InputError: it is no URL.
    """
    if is_absolute(url):
        return url
    try:
        start = web_url.canonical(base)
        if integration and integration.type == "azure":
            return _resolve_azure(url, start)
        parts, root = urlsplit(start), _root_path(start, integration)
        site = f"{parts.scheme}://{parts.netloc}"
        named = f"{site}{root.rstrip('/')}{url}" if url.startswith("/") else url
        joined = urlsplit(web_url.join(start, named))
    except ValueError as error:
        raise InputError(f"'{url}' as seen from {base} is no URL") from error
    is_inside = f"{joined.path}/".startswith(f"{root.rstrip('/')}/") and not web_url.climbs(joined.path)
    if f"{joined.scheme}://{joined.netloc}" != site or not is_inside:
        raise _outside(url, base)
    resolved = urlunsplit((parts.scheme, parts.netloc, joined.path, parts.query, ""))
    return _as_tree(resolved) if integration and integration.type == "github" else resolved


def _root_path(base: str, integration: ScmIntegration | None) -> str:
    """Return the part of ``base``'s path that stands before the path in the repository."""
    path = urlsplit(base).path
    shape = _SHAPES.get(integration.type, _ANY_HOST) if integration else _ANY_HOST
    folder = _relative_folder(integration) if integration else ""
    found = re.fullmatch(shape, (_without_sign_in(path, integration) if integration else path).removeprefix(folder))
    if not found or not found.groupdict().get("kind"):
        return path if found and integration else "/"
    inner = found.groupdict().get("path") or ""
    return path.rstrip("/")[: len(path.rstrip("/")) - len(inner.rstrip("/"))] if inner else path


def _outside(url: str, base: str) -> NotAllowedError:
    return NotAllowedError(
        f"The URL '{url}' leads out of the repository of {base}; relative URLs may only name files inside it"
    )


def _as_tree(url: str) -> str:
    return re.sub(r"^(https?://[^/]+/[^/]+/[^/]+)/(?:blob|tree|edit)/", r"\1/tree/", url)


def _without_sign_in(path: str, integration: ScmIntegration) -> str:
    """Return a path without the ``/a`` at its start that asks a Gerrit for credentials."""
    return path[2:] if integration.type == "gerrit" and path.startswith("/a/") else path


def _relative_folder(integration: ScmIntegration) -> str:
    if integration.type == "gerrit":
        return urlsplit(gerrit.places(integration).files).path.rstrip("/")
    if integration.type == "bitbucketServer":
        return urlsplit(integration.api_base_url or "").path.partition("/rest/api")[0].rstrip("/")
    if integration.type not in {"gitlab", "gitea"} or integration.host == "gitlab.com":
        return ""
    return urlsplit(str(integration.options.get("baseUrl") or "")).path.rstrip("/")


def _first(query: str, name: str) -> str:
    return parse_qs(query).get(name, [""])[0]


def _checked_path(url: str, path: str) -> str:
    if web_url.climbs(path):
        raise InputError(f"Invalid SCM URL: path traversal is not allowed in the URL {url}")
    return unquote(path)


def _parse_azure(url: str) -> ScmUrl:
    parts = urlsplit(url)
    segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
    if _AZURE_GIT not in segments or segments.index(_AZURE_GIT) + 1 >= len(segments):
        raise InputError(f"Incorrect URL: {url}, Azure URL must point to a git repository")
    at = segments.index(_AZURE_GIT)
    repo = segments[at + 1]
    owner = segments[:at]
    is_own_host = (parts.hostname or "").endswith(".visualstudio.com")
    if not is_own_host and len(owner) == 1:
        owner = [*owner, repo]
    if not owner:
        raise InputError(f"Incorrect URL: {url}, Azure URL must name the project of the repository")
    version = _first(parts.query, "version")
    if version and version[:2] not in {"GB", "GT"}:
        raise InputError(f"Incorrect URL: {url}, Azure URL version must point to a git branch or git tag")
    path = _checked_path(url, _first(parts.query, "path").strip("/"))
    kind = AZURE_TAG if version.startswith("GT") else _AZURE_GIT
    return ScmUrl(_site(parts), "/".join(owner), repo, kind, version[2:], path)


def _site(parts: SplitResult) -> str:
    """Return scheme and host; the user that clone URLs of Azure DevOps have says nothing."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _resolve_azure(url: str, base: str) -> str:
    parts = urlsplit(base)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    mock = f"https://repository/{query.get('path', '').lstrip('/')}"
    joined = urlsplit(web_url.join(mock, url))
    if joined.netloc != "repository" or web_url.climbs(joined.path):
        raise _outside(url, base)
    query["path"] = unquote(joined.path)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))
