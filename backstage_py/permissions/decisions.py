"""What the policy answers to a question."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from backstage_py.permissions import criteria as conditions
from backstage_py.permissions.criteria import Criteria
from backstage_py.permissions.rules import RuleSet

R = TypeVar("R")


class Verdict(Enum):
    """Yes or no."""

    ALLOW = "ALLOW"
    DENY = "DENY"


@dataclass(frozen=True, slots=True)
class Conditional:
    """Yes for what meets the criteria."""

    criteria: Criteria


Decision = Verdict | Conditional


def is_allowed(decision: Decision, resource: R | None, rules: RuleSet[R]) -> bool:
    """Return whether a decision allows something with a resource.

    Raises:
        BackstageError: the criteria name a rule that is unknown. InputError: a rule's parameters are wrong.
    """
    if isinstance(decision, Conditional):
        return conditions.holds(decision.criteria, resource, rules)
    return decision is Verdict.ALLOW
