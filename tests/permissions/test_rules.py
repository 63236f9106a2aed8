"""Rules and conditions by themselves: what they look at, and what they refuse to be made of."""

import json
from typing import Any

import pytest

from backstage_py.errors import BackstageError, InputError
from backstage_py.identity.principals import (
    NOBODY,
    AccessRestriction,
    Credentials,
    ServicePrincipal,
    UserPrincipal,
)
from backstage_py.js import paths
from backstage_py.permissions import criteria, names
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.decisions import Conditional, Verdict
from backstage_py.permissions.scaffolder_rules import TEMPLATE_RULES, ActionCall, allows_action
from backstage_py.scaffolder.run import initiator


def _rule(name: str, **params: Any) -> dict[str, Any]:
    return {"rule": name, "resourceType": "scaffolder-action", "params": params}


def _allows(condition: Any, action: str, given: Any) -> bool:
    return allows_action(Conditional(criteria.parse(condition)), ActionCall(action, given))


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("a", {"a": 1}, 1),
        ("a.b", {"a": {"b": 1}}, 1),
        ("a.b", {"a.b": 2, "a": {"b": 1}}, 2),
        ("a[0].b", {"a": [{"b": 1}]}, 1),
        ("a.0.b", {"a": [{"b": 1}]}, 1),
        ('a["x.y"]', {"a": {"x.y": 1}}, 1),
        ("a['x\\'y']", {"a": {"x'y": 1}}, 1),
        ("a..b", {"a": {"": {"b": 1}}}, 1),
        (".a", {"": {"a": 1}}, 1),
        ("a.length", {"a": [1, 2]}, 2),
        ("a.length", {"a": "x\U0001f600"}, 3),
        ("a[01]", {"a": [1, 2]}, None),
        ("a[-1]", {"a": [1, 2]}, None),
        ("a.b.c", {"a": None}, None),
        ("a", None, None),
    ],
)
def test_paths_are_those_of_lodash(path: str, value: Any, found: Any) -> None:
    assert paths.get(value, path) == found


@pytest.mark.parametrize(
    ("condition", "action", "given", "allowed"),
    [
        (_rule("HAS_ACTION_ID", actionId="a:b"), "a:b", {}, True),
        (_rule("HAS_ACTION_ID", actionId="a:b"), "a:B", {}, False),
        (_rule("HAS_BOOLEAN_PROPERTY", key="on"), "a", {"on": False}, True),
        (_rule("HAS_BOOLEAN_PROPERTY", key="on", value=True), "a", {"on": 1}, False),
        (_rule("HAS_NUMBER_PROPERTY", key="n", value=1), "a", {"n": True}, False),
        (_rule("HAS_NUMBER_PROPERTY", key="n", value=1), "a", {"n": 1.0}, True),
        (_rule("HAS_NUMBER_PROPERTY", key="n"), "a", {}, False),
        (_rule("HAS_STRING_PROPERTY", key="repoUrl", value="X"), "publish:github", {"repoUrl": "x"}, True),
        (_rule("HAS_STRING_PROPERTY", key="['repoUrl']", value="X"), "publish:github", {"repoUrl": "x"}, True),
        (_rule("HAS_STRING_PROPERTY", key="repoUrl", value="X"), "publish:gitea", {"repoUrl": "x"}, False),
        (_rule("HAS_STRING_PROPERTY", key="description", value="X"), "publish:github", {"description": "x"}, False),
        (_rule("HAS_STRING_PROPERTY", key="path", value="A"), "gitlab:group:ensureExists", {"path": "a"}, True),
        (_rule("HAS_STRING_PROPERTY", key="path", value="A"), "gitlab:repo:push", {"path": "a"}, False),
        (_rule("HAS_STRING_PROPERTY", key="projectId", value="42"), "gitlab:issues:create", {"projectId": 42}, True),
        (_rule("HAS_STRING_PROPERTY", key="projectId", value="42"), "gitlab:issues:create", {"projectId": "042"}, True),
        (_rule("HAS_NUMBER_PROPERTY", key="projectId", value=42), "gitlab:issues:create", {"projectId": "42"}, True),
        (_rule("HAS_NUMBER_PROPERTY", key="n", value=42), "gitlab:issues:create", {"n": "42"}, False),
    ],
)
def test_rules_about_actions(condition: Any, action: str, given: Any, *, allowed: bool) -> None:
    assert _allows(condition, action, given) is allowed


def test_a_group_by_number_must_be_allowed_by_every_name_that_the_conditions_know() -> None:
    forbidden = {"not": _rule("HAS_STRING_PROPERTY", key="path", value="secret")}
    action = "gitlab:group:access"
    assert _allows(forbidden, action, {"path": "open"})
    assert not _allows(forbidden, action, {"path": "SECRET"})
    for path in (17, "17"):
        assert not _allows(forbidden, action, {"path": path})
        assert _allows(forbidden, "gitlab:projectAccess", {"path": path})


def test_a_project_by_name_must_be_allowed_by_every_number_that_the_conditions_know() -> None:
    forbidden = {"not": _rule("HAS_NUMBER_PROPERTY", key="projectId", value=42)}
    assert _allows(forbidden, "gitlab:issues:create", {"projectId": 43})
    for project in (42, "42", "group/project"):
        assert not _allows(forbidden, "gitlab:issues:create", {"projectId": project})
    assert _allows(forbidden, "acme:issues:create", {"projectId": "group/project"})


def test_a_rule_names_an_action_by_its_id_in_templates_or_for_others() -> None:
    for named in ("fs:delete", "backstage-py:fs:delete"):
        decision = Conditional(criteria.parse({"not": _rule("HAS_ACTION_ID", actionId=named)}))
        assert not allows_action(decision, ActionCall("fs:delete", {}, "backstage-py:fs:delete"))


def test_tags_that_are_no_list_end_in_an_error_rather_than_a_yes() -> None:
    hidden = criteria.parse({"not": {"rule": "HAS_TAG", "resourceType": "x", "params": {"tag": "secret"}}})
    assert criteria.holds(hidden, {"backstage:permissions": {"tags": ["open"]}}, TEMPLATE_RULES)
    assert not criteria.holds(hidden, {"backstage:permissions": {"tags": ["secret"]}}, TEMPLATE_RULES)
    with pytest.raises(BackstageError, match="must be a list"):
        criteria.holds(hidden, {"backstage:permissions": {"tags": {"secret": True}}}, TEMPLATE_RULES)


def _nested(depth: int) -> Any:
    return {"not": _nested(depth - 1)} if depth else _rule("HAS_ACTION_ID", actionId="a")


@pytest.mark.parametrize(
    "condition",
    [
        None,
        [],
        {},
        {"anyOf": []},
        {"allOf": {}},
        {"rule": "X"},
        {"rule": 1, "resourceType": "t"},
        {"rule": "X", "resourceType": "t", "params": None},
        {"rule": "X", "resourceType": "t", "anyOf": [_nested(0)]},
        {"anyOf": [_nested(0)], "allOf": [_nested(0)]},
        _nested(65),
    ],
)
def test_what_are_no_conditions(condition: Any) -> None:
    with pytest.raises(ValueError, match=r"condition|params|anyOf|allOf"):
        criteria.parse(condition)


def test_an_unknown_rule_matters_only_to_those_who_depend_on_it() -> None:
    known, strange = _rule("HAS_ACTION_ID", actionId="a"), _rule("NO_SUCH")
    assert _allows({"anyOf": [known, strange]}, "a", {})
    with pytest.raises(BackstageError, match="Unexpected permission rule: NO_SUCH"):
        _allows({"anyOf": [known, strange]}, "b", {})
    with pytest.raises(InputError, match="Parameters to rule are invalid"):
        _allows({"not": _rule("HAS_ACTION_ID", actionId=["a"])}, "b", {})


async def test_services_are_judged_by_their_restrictions_alone() -> None:
    authority = Authority()
    by_name = Credentials(ServicePrincipal("external:x", AccessRestriction(permissions=("catalog.entity.read",))))
    by_act = Credentials(ServicePrincipal("external:x", AccessRestriction(actions=("read",))))
    asked = [names.ENTITY_READ, names.ENTITY_DELETE, names.ENTITY_VALIDATE]
    allow, deny = Verdict.ALLOW, Verdict.DENY
    assert await authority.decide(asked, by_name) == [allow, deny, deny]
    assert await authority.decide(asked, by_act) == [allow, deny, deny]
    assert await authority.decide(asked, Credentials(ServicePrincipal("plugin:x"))) == [allow] * 3


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(UserPrincipal("user:default/a"), "token"),
        Credentials(ServicePrincipal("external:x", AccessRestriction(("a", "b"), None))),
        Credentials(ServicePrincipal("external:x", AccessRestriction(None, ("read",)))),
        NOBODY,
    ],
)
def test_who_started_a_task_is_kept_whatever_the_secrets_claim(credentials: Credentials) -> None:
    claimed = {
        "backstageToken": "another",
        "__initiatorCredentials": json.dumps({"type": "service", "subject": "plugin:scaffolder"}),
        "password": "p",
    }
    kept = initiator.add_to(claimed, credentials)
    assert kept["password"] == "p"
    assert initiator.from_secrets(kept, credentials.user_ref) == credentials
