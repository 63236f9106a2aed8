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
    """

    cls: type[Any]
    marks: tuple[str, ...] = ()
    is_listed: bool = False


KINDS: Mapping[str, Kind] = {
    "azureDevOps": Kind(AzureDevOpsSettings),
    "bitbucketCloud": Kind(BitbucketCloudSettings, marks=("workspace",)),
    "bitbucketServer": Kind(BitbucketServerSettings, marks=("host",)),
    "gerrit": Kind(GerritSettings),
    "gitea": Kind(GiteaSettings),
    "github": Kind(GithubSettings, marks=("organization", "app")),
    "githubOrg": Kind(GithubOrgSettings, is_listed=True),
    "gitlab": Kind(GitlabSettings),
    "ldapOrg": Kind(LdapOrg),
    "microsoftGraphOrg": Kind(MicrosoftGraphOrg, marks=("clientId",)),
}
"""By their keys below ``catalog.providers``."""


def read(section: Reader) -> tuple[Any, ...]:
    """Return the settings of all providers that are configured, of the classes of ``KINDS``.

    Raises:
        SettingsError: a value is wrong or missing.
    """
    return tuple(one for name, kind in KINDS.items() if section.has(name) for one in _of_kind(section, name, kind))


def _of_kind(section: Reader, name: str, kind: Kind) -> Iterator[Any]:
    if kind.is_listed:
        several = section.sections(name) if isinstance(section.raw(name), list) else [section.section(name)]
        yield from (described(kind.cls, one) for one in several)
        return
    own = section.section(name)
    if any(own.has(mark) for mark in kind.marks):
        yield described(kind.cls, own, id=DEFAULT)
        return
    yield from (described(kind.cls, own.section(id_), id=id_) for id_ in own.data if own.has(id_))


def keys() -> Iterator[Key]:
    """Yield the keys of all kinds, in both forms; nothing must be there, since it may be there in the other form."""
    for name, kind in KINDS.items():
        path = f"providers.{name}"
        for place in (f"{path}[]", path) if kind.is_listed else (path, f"{path}.*"):
            yield from (replace(one, path=f"{place}.{one.path}", missing=None) for one in keys_of(kind.cls))
