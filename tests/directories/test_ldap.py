"""People and teams of an LDAP server: as Backstage's module makes them of the same server, and what failures say."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.catalog.organisations import distinguished_names, ldap_org
from backstage_py.errors import BackstageError
from backstage_py.integrations.directories.ldap import LdapAnswers, LdapEntry
from backstage_py.plugin.catalog import OrganisationTransformer
from backstage_py.plugin.organisations import Transformers
from backstage_py.settings.schedules import Schedule
from backstage_py.settings.sections.directories import LdapOrg, LdapSearch
from tests.directories import ldap_world, record, slapd
from tests.directories.configured import section
from tests.directories.site import organisation
from tests.directories.slapd import PASSWORD, ROBOT, SMALL, Slapd

RECORDED = record.table("ldap")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with slapd.running(tmp_path_factory.mktemp("slapd"), ldap_world.ENTRIES) as running:
        yield running


def _read(config: Any, *transformers: OrganisationTransformer, url: str) -> list[Any]:
    org = section(LdapOrg, {"target": url, **config})
    return asyncio.run(ldap_org.read("default", org, Transformers(transformers, "ldapOrg", "default")))


@pytest.mark.parametrize("name", [name for name, one in RECORDED.items() if not one["errors"]])
def test_users_and_groups_are_those_that_backstage_makes(server: Slapd, name: str) -> None:
    found = _read(ldap_world.CONFIGS[name], url=server.url)
    assert record.in_order(found) == RECORDED[name]["entities"]


def test_a_member_is_found_however_its_name_is_spelled(server: Slapd) -> None:
    bind = {"dn": ROBOT, "secret": PASSWORD}
    groups = {"dn": ldap_world.OTHER, "options": {"filter": "(objectclass=groupOfNames)"}}
    users = {"dn": ldap_world.PEOPLE, "options": {"filter": "(uid=odd)"}}
    found = _read({"bind": bind, "users": users, "groups": groups}, url=server.url)
    assert found[0]["spec"]["memberOf"] == ["group:default/spelled"]


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        ("CN=A, OU=B", "cn=a,ou=b", True),
        ("cn=a\\2Cb,dc=x", "cn=a\\, b,dc=x", False),
        ("cn=a\\2Cb,dc=x", "cn=a\\,b,dc=x", True),
        ("cn=M\\C3\\BCller", "cn=müller", True),
        ("uid=1+cn=b,dc=x", "cn=b + uid=1,dc=x", True),
        ("cn=a\\20,dc=x", "cn=a\\ ,dc=x", True),
        ("cn=a\\20,dc=x", "cn=a,dc=x", False),
        ("cn=a\\\\ ,dc=x", "cn=a\\5C,dc=x", True),
        ("cn=a,dc=x", "cn=a\\,dc=x", False),
    ],
)
def test_names_are_equal_by_what_they_say(one: str, other: str, *, are_equal: bool) -> None:
    assert (distinguished_names.canonical(one) == distinguished_names.canonical(other)) is are_equal


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "bad password",
            "does not let uid=robot,dc=example,dc=net in: the DN or the password of bind is wrong, or has",
        ),
        (
            "no such place",
            "Searching 'ou=nowhere,dc=example,dc=net' of {url} failed: there is no such DN, or it may not",
        ),
        ("a limit of theirs", "there are more entries than it sends at a time; set options.paged"),
        ("no filter", "options.filter is no filter: "),
        ("a referral", "another server has this (ldap://127.0.0.1:1/uid=x,dc=other??one); set target to it"),
        ("no name", "User syncing failed: missing 'employeeType' attribute, consider applying a user filter"),
    ],
)
def test_a_refusal_says_what_to_do_and_keeps_the_password(server: Slapd, name: str, message: str) -> None:
    assert RECORDED[name]["errors"]
    with pytest.raises(BackstageError) as caught:
        _read(ldap_world.CONFIGS[name], url=server.url)
    assert message.format(url=server.url) in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "wrong-one" not in str(caught.value)


def test_pages_bring_more_than_the_server_sends_at_a_time(server: Slapd) -> None:
    users = {"dn": f"ou=more,{ldap_world.PEOPLE}", "options": {"paged": {"pageSize": 4}}}
    assert len(_read({"bind": {"dn": SMALL, "secret": PASSWORD}, "users": users}, url=server.url)) == 12


def test_the_certificate_of_the_server_is_checked(server: Slapd) -> None:
    config = ldap_world.CONFIGS["users only"]
    with pytest.raises(BackstageError, match=r"certificate is not trusted \(self-signed certificate\); name its auth"):
        _read(config, url=server.secure_url)
    assert _read({**config, "tls": {"ca": str(server.ca)}}, url=server.secure_url)
    assert _read({**config, "tls": {"rejectUnauthorized": False}}, url=server.secure_url)


@pytest.mark.parametrize(("scheme", "port"), [("ldap", "secure"), ("ldaps", "plain"), ("ldap", "none")])
def test_a_server_that_does_not_answer_is_named(server: Slapd, scheme: str, port: str) -> None:
    ports = {"plain": server.url, "secure": server.secure_url, "none": "ldap://127.0.0.1:1"}
    url = f"{scheme}:{ports[port].partition(':')[2]}"
    with pytest.raises(BackstageError, match=url) as caught:
        _read(ldap_world.CONFIGS["users only"], url=url)
    assert caught.value.status == 503


def test_a_server_that_shows_nobody_does_not_empty_the_catalog(server: Slapd) -> None:
    users = {"dn": ldap_world.PEOPLE, "options": {"filter": "(uid=nobody-of-this-name)"}}
    with pytest.raises(BackstageError, match="shows neither users nor groups"):
        _read({"bind": {"dn": ROBOT, "secret": PASSWORD}, "users": users}, url=server.url)


class _Staff(OrganisationTransformer):
    providers = ("ldapOrg.default",)

    def user(self, user: Any, record: Any) -> Any:
        if "description" not in record:
            return None
        user["spec"]["profile"]["displayName"] = f"{record['cn'][0]} ({record['dn']})"
        return user


class _Others(OrganisationTransformer):
    providers = ("ldapOrg.other", "microsoftGraphOrg")

    def user(self, user: Any, record: Any) -> Any:
        raise AssertionError((user, record))


def test_a_plugin_changes_people_and_leaves_some_out(server: Slapd) -> None:
    found = _read(ldap_world.CONFIGS["defaults"], _Staff(), _Others(), url=server.url)
    users = {one["metadata"]["name"]: one["spec"]["profile"] for one in found if one["kind"] == "User"}
    assert users == {"ada": {"displayName": "Ada (uid=ada,ou=people,dc=example,dc=net)", "email": "ada@example.net"}}


def test_a_domain_of_microsoft_is_known_by_what_it_says_of_itself() -> None:
    root = LdapEntry("", {"forestfunctionality": (b"7",)})
    org = LdapOrg(schedule=Schedule(), target="ldap://x", users=(LdapSearch(dn="dc=x"),))
    attributes = {
        "uid": (b"ada",),
        "distinguishedname": (b"CN=Ada,DC=x",),
        "objectguid": (bytes.fromhex("33221100554477668899aabbccddeeff"),),
    }
    answers = LdapAnswers(root, ((LdapEntry("CN=Ada,DC=x", attributes),),), ())
    made = ldap_org.entities("default", org, answers, Transformers())[0]["metadata"]["annotations"]
    assert made["backstage.io/ldap-uuid"] == "00112233-4455-6677-8899-aabbccddeeff"
    assert made["backstage.io/ldap-dn"] == "CN=Ada,DC=x"


@pytest.mark.thorough
async def test_the_catalog_follows_the_server_and_outlasts_it(tmp_path: Path) -> None:
    ada, bob = ({**ldap_world.CONFIGS["users only"]["users"], "dn": one} for one in ldap_world.TWO)
    (folder := tmp_path / "slapd").mkdir()
    with slapd.running(folder, ldap_world.ENTRIES) as server:
        config = {"ldapOrg": {"main": {"target": server.url, **ldap_world.CONFIGS["defaults"]}}}
        assert await organisation(tmp_path, config) == (
            ["group:default/all", "group:default/api", "group:default/lost", "group:default/odd", "group:default/web"],
            ["user:default/ada", "user:default/bob", "user:default/eve", "user:default/odd"],
            None,
        )
        config["ldapOrg"]["main"]["users"] = [ada, bob]
        assert (await organisation(tmp_path, config))[1] == ["user:default/ada", "user:default/bob"]
    groups, users, problem = await organisation(tmp_path, config)
    assert (len(groups), users) == (5, ["user:default/ada", "user:default/bob"])
    assert "cannot be reached" in (problem or "")
