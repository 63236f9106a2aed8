"""A proposal of an entity for a repository that has none: ``POST /analyze-location``."""

import re
from urllib.parse import unquote, urlsplit

from backstage_py.errors import InputError
from backstage_py.model.json import JsonObject
from backstage_py.plugin.services import ScmIntegrations

_PREFIXES = {
    "azure": "dev.azure.com",
    "bitbucket": "bitbucket.org",
    "github": "github.com",
    "gitlab": "gitlab.com",
}
_SHORTHAND = re.compile(r"[A-Za-z\d-]{1,39}/[-.\w]{1,100}")
_MARKERS = ("-", "blob", "tree", "commit", "issues", "src", "raw", "edit")


def propose(target: str, integrations: ScmIntegrations | None) -> JsonObject:
    """Return the answer of the operation for a URL.

    Raises:
        InputError: the target is no URL.
    """
    owner, name = repository(target)
    integration = integrations.by_url(target) if integrations else None
    metadata: JsonObject = {"name": name}
    if integration and (prefix := _PREFIXES.get(integration.type)):
        metadata["annotations"] = {f"{prefix}/project-slug": f"{owner}/{name}"}
    entity = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": metadata,
        "spec": {"type": "other", "lifecycle": "unknown"},
    }
    return {"existingEntityFiles": [], "generateEntities": [{"entity": entity, "fields": []}]}


def repository(url: str) -> tuple[str, str]:
    """Return owner and name of a repository as ``git-url-parse`` finds them in the URL of it or of a file in it.

    Raises:
        InputError: the text is no URL.
    """
    if _SHORTHAND.fullmatch(url):
        url = f"https://github.com/{url}"
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise InputError("The given location.target is not a URL")
    segments = unquote(parts.path.strip("/").removesuffix(".git")).split("/")
    if parts.hostname == "dev.azure.com" and "_git" in segments:
        at = segments.index("_git")
        return segments[at - 1] if at else "", segments[at + 1] if at + 1 < len(segments) else ""
    if len(segments) == 1:
        return "", segments[0]
    places = [segments.index(marker, 2) for marker in _MARKERS if marker in segments[2:]]
    at = min(places) - 1 if places else len(segments) - 1
    return "/".join(segments[:at]), segments[at]
