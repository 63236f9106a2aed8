"""What a repository has for the catalog, or a proposal of an entity if nothing: ``POST /analyze-location``."""

import re
from urllib.parse import unquote, urlsplit

from backstage_py.catalog.sources import github_search
from backstage_py.catalog.sources.github_search import Preview
from backstage_py.errors import InputError
from backstage_py.model.json import JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.services import ScmIntegrations

_PREFIXES = {
    "azure": "dev.azure.com",
    "bitbucket": "bitbucket.org",
    "github": "github.com",
    "gitlab": "gitlab.com",
}
_SHORTHAND = re.compile(r"[A-Za-z\d-]{1,39}/[-.\w]{1,100}")
_MARKERS = ("-", "blob", "tree", "commit", "issues", "src", "raw", "edit")


async def analyze(target: str, integrations: ScmIntegrations | None, preview: Preview) -> JsonObject:
    """Return the answer of the operation for a URL.

    GitHub is searched for catalog files where there is a token for it; it searches for nobody without one.

    Raises:
        InputError: the target is no URL. BackstageError: GitHub cannot be asked.
    """
    owner, name = repository(target)
    integration = integrations.by_url(target) if integrations else None
    if integrations and integration and integration.type == "github" and integration.api_base_url:
        token = await integrations.token(integration.host, owner)
        if token and (found := await github_search.existing(target, owner, name, integration, token, preview)):
            return {"existingEntityFiles": found, "generateEntities": []}
    return _proposal(owner, name, integration)


def _proposal(owner: str, name: str, integration: ScmIntegration | None) -> JsonObject:
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
