"""The scaffolder's rules: about the parts of a template, about an action with its input, about a task."""

import re
from dataclasses import dataclass

from backstage_py.errors import BackstageError
from backstage_py.js import paths
from backstage_py.model import json
from backstage_py.model.entity_filter import Filter, Matches
from backstage_py.model.json import Json, JsonObject
from backstage_py.permissions import criteria as conditions
from backstage_py.permissions.criteria import AllOf, AnyOf, Condition, Criteria, Not
from backstage_py.permissions.decisions import Conditional, Decision, is_allowed
from backstage_py.permissions.rules import Kind, Param, Rule, RuleSet

CREATOR = "created_by"
"""Key of filters over tasks."""

_UNKNOWN = "Unexpected permission rule: {name}"
_GIT_HOSTS = re.compile(r"gitlab|github|bitbucket(?:Cloud|Server)?")
_NAMES_OF_REPOSITORIES = frozenset({"owner", "repoName", "projectId", "repoUrl"})
_GROUP_ID = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class ActionCall:
    """An action that a step is about to run, and its rendered input."""

    action: str
    input: Json


@dataclass(frozen=True, slots=True)
class TaskOwner:
    """All that the rules look at in a task: who created it; None when that was no user."""

    created_by: str | None


def _has_tag(part: Json, params: JsonObject) -> bool:
    marks = part.get("backstage:permissions") if isinstance(part, dict) else None
    tags = marks.get("tags") if isinstance(marks, dict) else None
    if tags is None:
        return False
    if not isinstance(tags, list | str):
        raise BackstageError("'backstage:permissions.tags' of a template must be a list of texts")
    return params["tag"] in tags


def _is_owned(task: TaskOwner, params: JsonObject) -> bool:
    return bool(task.created_by) and task.created_by in params["createdBy"]


def _creators(params: JsonObject) -> Filter:
    return Matches(CREATOR, tuple(filter(None, params["createdBy"])))


def _has_property(kind: Kind) -> Rule[ActionCall]:
    def applies(call: ActionCall, params: JsonObject) -> bool:
        found = paths.get(call.input, params["key"])
        if json.type_name(found) != kind:
            return False
        if "value" not in params:
            return True
        wanted = params["value"]
        if kind is Kind.TEXT and _is_case_insensitive(call.action, params["key"]):
            return bool(wanted.lower() == found.lower())
        return bool(wanted == found)

    params = {"key": Param(Kind.TEXT), "value": Param(kind, required=False)}
    return Rule(f"HAS_{kind.value.upper()}_PROPERTY", params, applies)


def _is_case_insensitive(action: str, key: str) -> bool:
    """Return whether the text is a name that a git host takes in any case, so that a policy cannot be dodged."""
    segments = action.split(":")
    if not any(_GIT_HOSTS.fullmatch(segment) for segment in segments):
        return False
    path = ".".join(paths.split(key))
    return path in _NAMES_OF_REPOSITORIES or ("group" in segments and path == "path")


TEMPLATE_RULES: RuleSet[Json] = RuleSet.of(
    "scaffolder-template", Rule("HAS_TAG", {"tag": Param(Kind.TEXT)}, _has_tag), unknown=_UNKNOWN
)
ACTION_RULES: RuleSet[ActionCall] = RuleSet.of(
    "scaffolder-action",
    Rule("HAS_ACTION_ID", {"actionId": Param(Kind.TEXT)}, lambda call, params: call.action == params["actionId"]),
    _has_property(Kind.BOOLEAN),
    _has_property(Kind.NUMBER),
    _has_property(Kind.TEXT),
    unknown=_UNKNOWN,
)
TASK_RULES: RuleSet[TaskOwner] = RuleSet.of(
    "scaffolder-task",
    Rule("IS_TASK_OWNER", {"createdBy": Param(Kind.TEXTS)}, _is_owned, _creators),
    unknown=_UNKNOWN,
)


def allows_action(decision: Decision, action: str, given: Json) -> bool:
    """Return whether an action may run with an input.

    A group of GitLab may be given by its number, which no condition on a path can match. So an action about groups that
    gets a number must be allowed with each path that the conditions name, too.
    """
    if not is_allowed(decision, ActionCall(action, given), ACTION_RULES):
        return False
    if not isinstance(decision, Conditional) or "group" not in action.split(":") or not _is_group_id(given):
        return True
    return all(
        conditions.holds(decision.criteria, ActionCall(action, {**given, "path": path}), ACTION_RULES)
        for path in _paths(decision.criteria)
    )


def _is_group_id(given: Json) -> bool:
    path = given.get("path") if isinstance(given, dict) else None
    return json.type_name(path) == Kind.NUMBER or (isinstance(path, str) and bool(_GROUP_ID.fullmatch(path)))


def _paths(criteria: Criteria) -> list[str]:
    match criteria:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return [path for part in parts for path in _paths(part)]
        case Not(part=part):
            return _paths(part)
        case Condition(rule="HAS_STRING_PROPERTY", params={"key": str(key), "value": str(value)}):
            return [value] if paths.split(key) == ["path"] else []
    return []
