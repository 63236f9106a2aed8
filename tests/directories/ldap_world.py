"""An organisation in an LDAP server, and the configurations with which it is read."""

from typing import Any

from tests.directories.slapd import BASE, PASSWORD, ROBOT, SMALL, entry

_PERSON = "inetOrgPerson"
PEOPLE = f"ou=people,{BASE}"
TEAMS = f"ou=teams,{BASE}"
OTHER = f"ou=other,{BASE}"
SPELLED = f"CN = Müller\\, Jürgen \\+ Co\\  , OU = People,{BASE}"
"""The person of a comma, as somebody wrote it."""
_ODD = f"cn=Müller\\2C Jürgen \\2B Co\\20,{PEOPLE}"
_ADA, _BOB, _EVE = (f"uid={name},{PEOPLE}" for name in ("ada", "bob", "Eve"))
TWO = _ADA, _BOB
_ALL, _WEB, _API, _ODD_TEAM, _LOST = (
    f"cn={name},{TEAMS}" for name in ("all", "web", "api", "odd+description=\\23R\\2CD \\5C", "lost")
)


def _person(dn: str, uid: str, *groups: str, **more: str | list[str]) -> Any:
    return entry(dn, _PERSON, sn=uid, uid=uid, **{"cn": uid.title(), "mail": f"{uid}@example.net"} | more)


def _team(dn: str, cn: str, *members: str, **more: str | list[str]) -> Any:
    return entry(dn, "groupOfNames", cn=cn, member=list(members), **more)


ENTRIES = [
    entry(PEOPLE, "organizationalUnit", ou="people"),
    entry(TEAMS, "organizationalUnit", ou="teams"),
    entry(f"ou=hidden,{BASE}", "organizationalUnit", ou="hidden"),
    entry(OTHER, "organizationalUnit", ou="other"),
    _person(_ADA, "ada", memberOf=[_WEB], description="Writes", employeeType="staff", title="Müllerin 🦆"),
    _person(_BOB, "bob", cn=["Bob", "Robert"], mail=["b@example.net", "bob@example.net"]),
    _person(_EVE, "Eve", memberOf=[_API, f"cn=Gone,{TEAMS}"], cn="Eve"),
    _person(_ODD, "odd", cn="Müller, Jürgen + Co "),
    *(_person(f"uid=p{number},ou=more,{PEOPLE}", f"p{number}") for number in range(12)),
    _team(_ALL, "all", _WEB, _API, description="Everybody"),
    _team(_WEB, "web", _ADA, _BOB, _ODD, memberOf=[_ALL]),
    _team(_API, "api", _BOB, _EVE.upper(), _ODD_TEAM, memberOf=[_ALL]),
    _team(_ODD_TEAM, "odd", _ODD, f"uid=p1,ou=more,{PEOPLE}", businessCategory="lab", description="#R,D \\"),
    _team(_LOST, "lost", f"uid=nobody,{PEOPLE}"),
    _team(f"cn=spelled,{OTHER}", "spelled", SPELLED, f"cn=Missing,{OTHER}"),
    entry(f"ou=elsewhere,{PEOPLE}", "referral", "extensibleObject", ou="elsewhere", ref="ldap://127.0.0.1:1/dc=other"),
]
ENTRIES.insert(7, entry(f"ou=more,{PEOPLE}", "organizationalUnit", ou="more"))

_BIND = {"dn": ROBOT, "secret": PASSWORD}
_USERS: dict[str, Any] = {"dn": PEOPLE, "options": {"filter": "(objectclass=inetOrgPerson)"}}
_GROUPS: dict[str, Any] = {"dn": TEAMS, "options": {"scope": "sub", "filter": " (objectclass=groupOfNames)\n"}}

CONFIGS: dict[str, Any] = {
    "defaults": {"bind": _BIND, "users": _USERS, "groups": _GROUPS},
    "lists and pages": {
        "bind": _BIND,
        "users": [
            {"dn": f"ou=more,{PEOPLE}", "options": {"paged": {"pageSize": 5}}},
            {**_USERS, "map": {"displayName": "title", "picture": "employeeType", "memberOf": None}},
        ],
        "groups": [{**_GROUPS, "options": {**_GROUPS["options"], "paged": True}}],
    },
    "only one side": {
        "bind": _BIND,
        "users": {"dn": PEOPLE, "options": {"scope": "sub", "filter": "(uid=*)"}, "map": {"memberOf": "none"}},
        "groups": {**_GROUPS, "map": {"memberOf": "none", "type": "businessCategory"}},
    },
    "only memberOf": {"bind": _BIND, "users": _USERS, "groups": {**_GROUPS, "map": {"members": "none"}}},
    "set": {
        "bind": _BIND,
        "users": {
            **_USERS,
            "set": {"metadata.customField": {"a": [1]}, "spec.tags[1].x": "y", "metadata.annotations['a.b/c']": "d"},
        },
        "groups": {**_GROUPS, "set": {"spec.type": "team", "metadata.namespace": "ldap", "spec.profile.picture": "p"}},
    },
    "few attributes": {
        "bind": _BIND,
        "users": {**_USERS, "options": {**_USERS["options"], "attributes": ["uid", "cn", "memberOf"]}},
        "groups": _GROUPS,
        "vendor": {"dnAttributeName": "dn", "uuidAttributeName": "uid"},
    },
    "users only": {"bind": _BIND, "users": {"dn": _ADA, "options": {"scope": "base"}}},
    "groups only": {"bind": _BIND, "groups": _GROUPS},
    "a limit of our own": {
        "bind": {"dn": SMALL, "secret": PASSWORD},
        "users": {"dn": f"ou=more,{PEOPLE}", "options": {"sizeLimit": 3}},
    },
    "no name": {"bind": _BIND, "users": {**_USERS, "map": {"name": "employeeType"}}, "groups": _GROUPS},
    "bad password": {"bind": {**_BIND, "secret": "wrong-one"}, "users": _USERS, "groups": _GROUPS},
    "no such place": {"bind": _BIND, "users": {"dn": f"ou=nowhere,{BASE}"}},
    "a limit of theirs": {"bind": {"dn": SMALL, "secret": PASSWORD}, "users": {"dn": f"ou=more,{PEOPLE}"}},
    "no filter": {"bind": _BIND, "users": {**_USERS, "options": {"filter": "(&(a=b"}}},
    "a referral": {"bind": _BIND, "users": {"dn": f"uid=x,ou=elsewhere,{PEOPLE}"}},
}
"""What stands below ``catalog.providers.ldapOrg.default``, without the target."""
