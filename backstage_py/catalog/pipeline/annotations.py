"""The annotations that say where an entity comes from, and where a person can view and edit its source."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from backstage_py.errors import InputError
from backstage_py.integrations import gerrit
from backstage_py.integrations.hosts import scm_url
from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.services import ScmIntegrations, UrlReader

_COMMIT = re.compile(r"\b[0-9a-f]{40,}\b")
_GITHUB_TYPE = re.compile(r"//([^/]+)/([^/]+)/([^/]+)/(?:blob|tree|edit)/")
_GITLAB_TYPE = re.compile(r"/(-/)?(?:blob|tree|edit)/")


class Annotator:
    """Adds annotations; those that an entity has win over these.

    Args:
        integrations: to find the kind of host that a URL is of.
        url_reader: resolves relative URLs in the host's way.
    """

    def __init__(self, integrations: ScmIntegrations | None, url_reader: UrlReader) -> None:
        self._integrations = integrations
        self._urls = url_reader
        self._last: tuple[LocationRef, LocationRef, dict[str, str]] | None = None

    def annotate(self, entity: JsonObject, location: LocationRef, origin: LocationRef) -> JsonObject:
        """Return the entity with annotations in front of its own."""
        last = self._last  # thousands of entities in a row come from the same file; threads may do others meanwhile
        if last is None or last[0] != location or last[1] != origin:
            self._last = last = (location, origin, self._annotations(location, origin))
        metadata = entity["metadata"]
        own = metadata.get("annotations")
        annotations = {**last[2], **(own if isinstance(own, dict) else {})}
        rest = {key: value for key, value in metadata.items() if key != "annotations"}
        if own is not None and not isinstance(own, dict):
            return entity
        return {
            "metadata": {"annotations": annotations, **rest},
            **{k: v for k, v in entity.items() if k != "metadata"},
        }

    def _annotations(self, location: LocationRef, origin: LocationRef) -> dict[str, str]:
        found = {entities.MANAGED_BY: str(location), entities.ORIGIN: str(origin)}
        if location.type != "url":
            return found
        found[entities.VIEW_URL] = location.target
        integration = self._integrations.by_url(location.target) if self._integrations else None
        if integration is None:
            return found
        if not _COMMIT.search(location.target):
            found[entities.EDIT_URL] = edit_url(location.target, integration)
        found[entities.SOURCE] = f"url:{self._urls.resolve('./', location.target)}"
        return found


def edit_url(url: str, integration: ScmIntegration) -> str:
    """Return the URL at which the host lets a person edit a file."""
    match integration.type:
        case "github":
            return _GITHUB_TYPE.sub(r"//\1/\2/\3/edit/", url, count=1)
        case "gitlab":
            return _GITLAB_TYPE.sub(lambda found: f"/{found[1] or ''}edit/", url, count=1)
        case "gitea":
            return url.replace("/src/", "/_edit/", 1)
        case "gerrit":
            return _gerrit_edit_url(url, integration)
        case "bitbucketCloud" | "bitbucketServer":
            return _with_query(url, mode="edit", at=_bitbucket_ref(url))
        case _:
            return url


def _gerrit_edit_url(url: str, integration: ScmIntegration) -> str:
    try:
        where = scm_url.parse(url, integration)
    except InputError:
        return url
    if integration.options.get("disableEditUrl") or not where.ref:
        return url
    return gerrit.places(integration).edit(where.full_name, where.ref, where.path)


def _bitbucket_ref(url: str) -> str:
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query)).get("at")
    segments = parts.path.strip("/").split("/")
    return given or (segments[3] if len(segments) > 3 and segments[2] == "src" else "")  # noqa: PLR2004  # owner/repo/src/ref


def _with_query(url: str, **values: str) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **values}
    return urlunsplit(parts._replace(query=urlencode(query)))
