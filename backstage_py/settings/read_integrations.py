"""``integrations``: the configured git hosts, each with the addresses that follow from its host.

Hosts that Backstage knows without configuration are added by ``integrations.scm.ScmRegistry``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from backstage_py.model.scm import ScmIntegration
from backstage_py.settings import read_git_credentials
from backstage_py.settings.elsewhere import HOST_KEYS
from backstage_py.settings.kinds import TEXT, URL
from backstage_py.settings.reading import Reader

_HOST = re.compile(r"(?:\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::\d+)?", re.IGNORECASE)
_READ = frozenset(one.path for one in HOST_KEYS)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of a kind of host; ``{host}`` in a URL stands for the host.

    Attributes:
        public: the public host and the addresses that only it has.
        default_host: used when an entry names none; None makes the host a must.
        api: the API's address of any host of this kind.
        api_needed: other hosts than the public one must say where their API is.
    """

    public: str | None = None
    public_api: str | None = None
    public_raw: str | None = None
    default_host: str | None = None
    api: str | None = None
    api_needed: bool = False


_KINDS = MappingProxyType(
    {
        "github": _Kind(
            "github.com", "https://api.github.com", "https://raw.githubusercontent.com", default_host="github.com"
        ),
        "gitlab": _Kind("gitlab.com", "https://gitlab.com/api/v4", api_needed=True),
        "azure": _Kind("dev.azure.com", default_host="dev.azure.com"),
        "bitbucketCloud": _Kind("bitbucket.org", "https://api.bitbucket.org/2.0", default_host="bitbucket.org"),
        "bitbucketServer": _Kind(api="https://{host}/rest/api/1.0"),
        "gitea": _Kind(),
        "gerrit": _Kind(),
        "harness": _Kind(),
    }
)


def read(config: Reader) -> tuple[ScmIntegration, ...]:
    """Read all kinds; keys of kinds that are no git hosts (``awsS3``, …) are left alone."""
    integrations = config.section("integrations")
    return tuple(one for name, kind in _KINDS.items() for one in _entries(integrations, name, kind))


def kinds_by_host(configured: Sequence[ScmIntegration]) -> dict[str, str]:
    """Return the kinds of all hosts, those included that are known without configuration; hosts in lower case."""
    public = {kind.public: name for name, kind in _KINDS.items() if kind.public}
    public |= {kind.default_host: name for name, kind in _KINDS.items() if kind.default_host}
    return public | {one.host.lower(): one.type for one in reversed(configured)}


def _entries(integrations: Reader, name: str, kind: _Kind) -> Iterator[ScmIntegration]:
    for section in integrations.sections(name):
        host = section.get("host", TEXT) or kind.default_host
        if host is None:
            section.fail("host", "is missing; expected a host such as 'git.example.com'")
        if not _HOST.fullmatch(host):
            section.fail("host", f"expected a host without 'https://' or a path, found '{host}'")
        public = host == kind.public
        api = section.get("apiBaseUrl", URL) or (kind.public_api if public else kind.api and kind.api.format(host=host))
        if kind.api_needed and api is None:
            section.fail("apiBaseUrl", f"is missing; expected the API's URL, e.g. https://{host}/api/v4")
        if name == "gerrit" and section.get("gitilesBaseUrl", URL) is None:
            section.fail(
                "gitilesBaseUrl", f"is missing; expected the URL of Gitiles, e.g. https://{host}/plugins/gitiles"
            )
        read_git_credentials.check(name, host, section)
        raw = section.get("rawBaseUrl", URL) or (kind.public_raw if public else None)
        token = section.get("token", TEXT)
        yield ScmIntegration(
            type=name,
            host=host,
            title=section.get("title", TEXT) or host,
            api_base_url=api,
            raw_base_url=raw,
            token=token.strip() if token else None,
            options={key: value for key, value in section.data.items() if key not in _READ},
        )
