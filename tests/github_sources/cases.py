"""Configurations of providers, and the organisations that they are tried at."""

from typing import Any

from tests.github_sources.host import GithubHost, Person, Team

_SCHEDULE = {"frequency": "1h", "timeout": "1m"}
DISCOVERY: dict[str, Any] = {
    "defaults": {},
    "pages": {"pageSizes": {"repositories": 2}},
    "another path": {"catalogPath": "meta/info.yaml"},
    "a path with a slash, that must exist": {"catalogPath": "/meta/info.yaml", "validateLocationsExist": True},
    "a pattern": {"catalogPath": "**/catalog-info.yaml"},
    "a branch": {"filters": {"branch": "develop"}, "validateLocationsExist": True},
    "files that must exist": {"validateLocationsExist": True},
    "names": {"filters": {"repository": "w.b"}},
    "names from their start": {"filters": {"repository": "^w.*"}},
    "topics": {"filters": {"topic": {"include": ["live", "new"]}}},
    "without topics": {"filters": {"topic": {"exclude": ["old"]}}},
    "topics, and without some": {"filters": {"topic": {"include": ["live"], "exclude": ["old"]}}},
    "no topics at all": {"filters": {"topic": {"include": [], "exclude": []}}},
    "no forks": {"filters": {"allowForks": False}},
    "archived ones": {"filters": {"allowArchived": True}},
    "public and internal": {"filters": {"visibility": ["public", "internal"]}},
    "private": {"filters": {"visibility": ["private"]}},
}


def fill(host: GithubHost) -> None:
    """Make what the configurations are tried at."""
    host.repo("acme/web", topics=("live",))
    host.repo("acme/weblog", topics=("live", "old"))
    host.repo("acme/api", files={"meta/info.yaml": "", "a/catalog-info.yaml": "kind: a"}, topics=("new",))
    host.repo("acme/meta", files={"meta/info.yaml": "kind: b", "catalog-info.yaml/x": ""})
    host.repo("acme/dev", branch="develop", visibility="PRIVATE")
    host.repo("acme/copy", is_fork=True, visibility="INTERNAL")
    host.repo("acme/old", is_archived=True)
    host.repo("acme/empty", files={}, branch=None)
    org = host.org("acme")
    for person in (
        Person("ada", "Ada L.", "Counts.", "ada@home.example", ("ada+work@acme.example", "a@acme.example")),
        Person("Bob", None, None, ""),
        Person("cyd", "Cyd", None, "cyd@home.example"),
    ):
        org.people[person.login] = person
    org.teams["all"] = Team("all", "All", ["ada", "Bob", "cyd"], None, "Everybody")
    org.teams["core"] = Team("core", "Core team", ["ada"], "all")
    org.teams["lost"] = Team("lost", "Lost", [], "gone")
    other = host.org("other")
    other.people["ada"] = Person("ada", "Ada L.", None, "")
    other.people["eve"] = Person("eve")
    other.teams["core"] = Team("core", "Core", ["ada", "eve"])


def discovery(host: GithubHost, name: str) -> dict[str, Any]:
    """Return the configuration of a case."""
    given = {"organization": "acme", "host": host.host, "schedule": _SCHEDULE, **DISCOVERY[name]}
    return {"integrations": {"github": [host.integration]}, "catalog": {"providers": {"github": given}}}


ORGANISATIONS: dict[str, Any] = {
    "one": {"orgs": ["acme"]},
    "pages": {"orgs": ["acme"], "pageSizes": {"teams": 1, "teamMembers": 2, "organizationMembers": 2}},
    "two": {"orgs": ["acme", "other"]},
    "verified addresses": {"orgs": ["acme"], "defaultUserTransformer": {"useVerifiedEmails": True}},
}


def organisations(host: GithubHost, name: str) -> dict[str, Any]:
    """Return the configuration of a case."""
    given = {"id": "test", "githubUrl": host.url, "schedule": _SCHEDULE, **ORGANISATIONS[name]}
    return {"integrations": {"github": [host.integration]}, "catalog": {"providers": {"githubOrg": given}}}
