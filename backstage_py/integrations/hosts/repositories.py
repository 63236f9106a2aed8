"""Which repository a URL belongs to, so that what an author names is read from their own one only.

A file of a repository has several addresses: that of its page, and that of its raw content on a host of its own.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from backstage_py.errors import InputError
from backstage_py.integrations.hosts import reading_rules, scm_url
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model import web_url
from backstage_py.model.scm import ScmIntegration
from backstage_py.settings.sections import ReadingRule

_Repository = tuple[str, str]
"""Host and full name."""

_GITLAB_LIKE = ScmIntegration("gitlab", "", "", None, None, None, {})
_RAW = re.compile(r"/([^/]+/[^/]+)/.+")


def same(url: str, base: str, registry: ScmRegistry, rules: Sequence[ReadingRule]) -> bool:
    """Say whether the file at ``url`` may be read for the author of the one at ``base``.

    On git hosts it has to be in the same repository. Where only ``backend.reading.allow`` says what may be read, it has
    to be of the same origin and below the same path of a rule. As in Backstage, files of git hosts may name files of
    other hosts that are no git hosts: the operator has opened those to everybody, and no credentials go there.
    """
    try:
        url, base = web_url.canonical(url), web_url.canonical(base)
    except ValueError:
        return False
    if web_url.climbs(urlsplit(url).path) or web_url.climbs(urlsplit(base).path):
        return False
    found, own = _repository(url, registry), _repository(base, registry)
    if _is_git_host(url, registry):
        return found is not None and found == own
    if _is_git_host(base, registry):
        return reading_rules.is_allowed(url, rules)
    is_near = _origin(url) == _origin(base) and reading_rules.are_allowed_together(url, base, rules)
    return is_near and (own is None or found == own)


def _is_git_host(url: str, registry: ScmRegistry) -> bool:
    return registry.by_url(url) is not None or _raw_host(url, registry) is not None


def _repository(url: str, registry: ScmRegistry) -> _Repository | None:
    if raw := _raw_host(url, registry):
        named = _RAW.fullmatch(urlsplit(url).path.removeprefix(urlsplit(str(raw.raw_base_url)).path.rstrip("/")))
        return (raw.host.lower(), named[1]) if named else None
    integration = registry.by_url(url)
    try:
        found = scm_url.parse(url, integration or _GITLAB_LIKE)
    except InputError:
        return None
    if not integration:
        return (_origin(url), found.full_name) if found.kind else None
    return integration.host.lower(), found.full_name


def _raw_host(url: str, registry: ScmRegistry) -> ScmIntegration | None:
    """Return the host whose raw files are served below another address, where this URL is one of them."""
    for one in registry.all():
        if one.raw_base_url and url.startswith(f"{web_url.canonical(one.raw_base_url).rstrip('/')}/"):
            return one
    return None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
