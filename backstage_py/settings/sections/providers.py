"""``catalog.providers``: which of them this service has itself, and how several of one kind are configured.

A kind has a class of settings beside this module. Its section is one provider, or several by their names; which of the
two is told by keys that every provider has, as in Backstage. A kind that Backstage wants as an array says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backstage_py.settings.description import Key, keys_of
from backstage_py.settings.description import read as described
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections.directories import LdapOrg, MicrosoftGraphOrg
from backstage_py.settings.sections.git_providers import (
    AzureDevOpsSettings,
    BitbucketCloudSettings,
    BitbucketServerSettings,
    GerritSettings,
    GiteaSettings,
    GitlabSettings,
)
from backstage_py.settings.sections.github_providers import GithubOrgSettings, GithubSettings

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of providers.

    Attributes:
        cls: of the settings of one; it has the field ``id``.
        marks: any of these keys says that the section is one provider.
        is_listed: the section is one provider or an array of them, each with its ``id``.
        integration: the kind of ``integrations`` that its ``host`` has to be of; None where it reads no git host.
        host_key: where the host is written.
    """

    cls: type[Any]
    marks: tuple[str, ...] = ()
    is_listed: bool = False
    integration: str | None = None
    host_key: str = "host"


KINDS: Mapping[str, Kind] = {
    "azureDevOps": Kind(AzureDevOpsSettings, integration="azure"),
    "bitbucketCloud": Kind(BitbucketCloudSettings, marks=("workspace",)),
    "bitbucketServer": Kind(BitbucketServerSettings, marks=("host",), integration="bitbucketServer"),
    "gerrit": Kind(GerritSettings, integration="gerrit"),
    "gitea": Kind(GiteaSettings, integration="gitea"),
    "github": Kind(GithubSettings, marks=("organization", "app"), integration="github"),
    "githubOrg": Kind(GithubOrgSettings, is_listed=True, integration="github", host_key="githubUrl"),
    "gitlab": Kind(GitlabSettings, integration="gitlab"),
    "ldapOrg": Kind(LdapOrg),
    "microsoftGraphOrg": Kind(MicrosoftGraphOrg, marks=("clientId",)),
}
"""By their keys below ``catalog.providers``."""


def read(section: Reader, hosts: Mapping[str, str]) -> tuple[Any, ...]:
    """Return the settings of all providers that are configured, of the classes of ``KINDS``.

    Args:
        section: ``catalog.providers``.
        hosts: the kinds of ``integrations`` by host.

    Raises:
        SettingsError: a value is wrong or missing, or no integration has a provider's host.
    """
    found = []
    for name, kind in KINDS.items():
        for own, settings in _of_kind(section, name, kind) if section.has(name) else ():
            _check_host(own, kind, getattr(settings, "host", None), hosts)
            found.append(settings)
    return tuple(found)


def _of_kind(section: Reader, name: str, kind: Kind) -> Iterator[tuple[Reader, Any]]:
    """Yield the section and the settings of each provider of a kind."""
    if kind.is_listed:
        several = section.sections(name) if isinstance(section.raw(name), list) else [section.section(name)]
        yield from ((one, described(kind.cls, one)) for one in several)
        return
    own = section.section(name)
    if any(own.has(mark) for mark in kind.marks):
        yield own, described(kind.cls, own, id=DEFAULT)
        return
    named = {id_: own.section(id_) for id_ in own.data if own.has(id_)}
    yield from ((one, described(kind.cls, one, id=id_)) for id_, one in named.items())


def _check_host(section: Reader, kind: Kind, host: str | None, hosts: Mapping[str, str]) -> None:
    if kind.integration and host is not None and hosts.get(host.lower()) != kind.integration:
        at = f"integrations.{kind.integration}"
        known = ", ".join(one for one, of in hosts.items() if of == kind.integration)
        has = f"which has {known}" if known else "which has none"
        section.fail(kind.host_key, f"'{host}' is no host of {at}, {has}; add it there, or correct it")


def keys() -> Iterator[Key]:
    """Yield the keys of all kinds, in both forms; nothing must be there, since it may be there in the other form."""
    for name, kind in KINDS.items():
        path = f"providers.{name}"
        for place in (f"{path}[]", path) if kind.is_listed else (path, f"{path}.*"):
            yield from (replace(one, path=f"{place}.{one.path}", missing=None) for one in keys_of(kind.cls))
