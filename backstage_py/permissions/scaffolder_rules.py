"""The scaffolder's rules: about the parts of a template, about an action with its input, about a task."""

import re
from dataclasses import dataclass, replace

from backstage_py.errors import BackstageError
from backstage_py.js import paths
from backstage_py.js.convert import to_string
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
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class ActionCall:
    """An action that is about to run, and its final input.

    Attributes:
        offered_as: its id where other backends see it; a rule may name the action by either.
    """

    action: str
    input: Json
    offered_as: str | None = None


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


def _is_action(call: ActionCall, params: JsonObject) -> bool:
    return params["actionId"] in {call.action, call.offered_as}


def _has_property(kind: Kind) -> Rule[ActionCall]:
    def applies(call: ActionCall, params: JsonObject) -> bool:
        found = paths.get(call.input, params["key"])
        is_name = _is_name_of_host(call.action, params["key"])
        if is_name:
            found = _as(kind, found)
        if json.type_name(found) != kind:
            return False
        if "value" not in params:
            return True
        wanted = params["value"]
        if kind is Kind.TEXT and is_name:
            return _folded(wanted) == _folded(found)
        return bool(wanted == found)

    params = {"key": Param(Kind.TEXT), "value": Param(kind, required=False)}
    return Rule(f"HAS_{kind.value.upper()}_PROPERTY", params, applies)


def _is_name_of_host(action: str, key: str) -> bool:
    """Return whether a git host takes the value in any case, and as number or text, so that no policy is dodged."""
    segments = action.split(":")
    if not any(_GIT_HOSTS.fullmatch(segment) for segment in segments):
        return False
    path = ".".join(paths.split(key))
    return path in _NAMES_OF_REPOSITORIES or ("group" in segments and path == "path")


def _as(kind: Kind, value: Json) -> Json:
    """Return an id as a rule looks at it: ``42`` and ``"42"`` are one thing to a git host."""
    type_ = json.type_name(value)
    if kind is Kind.NUMBER and type_ == Kind.TEXT and _DIGITS.fullmatch(value):
        return float(value)
    return to_string(value) if kind is Kind.TEXT and type_ == Kind.NUMBER else value


def _folded(name: str) -> str:
    return str(float(name)) if _DIGITS.fullmatch(name) else name.lower()


TEMPLATE_RULES: RuleSet[Json] = RuleSet.of(
    "scaffolder-template", Rule("HAS_TAG", {"tag": Param(Kind.TEXT)}, _has_tag), unknown=_UNKNOWN
)
ACTION_RULES: RuleSet[ActionCall] = RuleSet.of(
    "scaffolder-action",
    Rule("HAS_ACTION_ID", {"actionId": Param(Kind.TEXT)}, _is_action),
    _has_property(Kind.BOOLEAN),
    _has_property(Kind.NUMBER),
    _has_property(Kind.TEXT),
    unknown=_UNKNOWN,
)
TASK_RULES: RuleSet[TaskOwner] = RuleSet.of(
    "scaffolder-task",
    Rule("IS_TASK_OWNER", {"createdBy": Param(Kind.TEXTS)}, _is_owned, _creators),
)


def allows_action(decision: Decision, call: ActionCall) -> bool:
    """Return whether an action may run with its input.

    A group or project of a git host has a path and a number, and no condition on the one can match the other. So what
    is named by one of them must be allowed with each of the other kind that the conditions name, too.
    """
    if not is_allowed(decision, call, ACTION_RULES):
        return False
    key = _identifier(call.action) if isinstance(decision, Conditional) else None
    given = call.input.get(key) if key and isinstance(call.input, dict) else None
    if not isinstance(decision, Conditional) or json.type_name(given) not in {Kind.TEXT, Kind.NUMBER}:
        return True
    return all(
        conditions.holds(decision.criteria, replace(call, input={**call.input, key: other}), ACTION_RULES)
        for other in _values(decision.criteria, str(key))
        if _is_number(other) != _is_number(given)
    )


def _identifier(action: str) -> str | None:
    """Return the input by which an action names a group or project of a git host, None when it has none."""
    segments = action.split(":")
    if "group" in segments:
        return "path"
    return "projectId" if any(_GIT_HOSTS.fullmatch(segment) for segment in segments) else None


def _is_number(value: Json) -> bool:
    return json.type_name(value) == Kind.NUMBER or bool(_DIGITS.fullmatch(str(value)))


def _values(criteria: Criteria, key: str) -> list[Json]:
    """Return the values that conditions compare an input with."""
    match criteria:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return [value for part in parts for value in _values(part, key)]
        case Not(part=part):
            return _values(part, key)
        case Condition(rule="HAS_STRING_PROPERTY" | "HAS_NUMBER_PROPERTY", params={"key": str(named), "value": value}):
            return [value] if paths.split(named) == [key] else []
    return []
