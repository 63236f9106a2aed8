"""What a caller may execute: asked once when a run or call begins, looked at before each action.

Every way on which an action of a template or of another program starts has a gate: tasks, dry runs, calls of other
backends. Nothing stands in its place where one is forgotten, so that types and not habits keep the rule.
"""

from backstage_py.errors import NotAllowedError
from backstage_py.identity.principals import NOBODY, Credentials, UserPrincipal
from backstage_py.model.json import Json
from backstage_py.permissions import names
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.backend import Query
from backstage_py.permissions.decisions import Decision, Verdict
from backstage_py.permissions.scaffolder_rules import ActionCall, allows_action

_EXTRACT = "dry-run:extract"
_RESOURCES = {"request": names.RESOURCE_CREATE, "status": names.RESOURCE_READ, "delete": names.RESOURCE_DELETE}


class ActionGate:
    """The gate of one run or call; shut until it is opened.

    Args:
        authority: decides.
        credentials: of who started it.
    """

    def __init__(self, authority: Authority, credentials: Credentials) -> None:
        self._authority = authority
        self._credentials = credentials
        self._decision: Decision = Verdict.DENY

    async def open(self) -> None:
        """Ask what the initiator may execute.

        Raises:
            BackstageError: the permission backend gives no usable answer.
        """
        if self._authority.allows_all(self._credentials):
            self._decision = Verdict.ALLOW
            return
        self._decision = (await self._authority.decide([names.ACTION_EXECUTE], self._credentials))[0]

    def check(self, action: str, given: Json, *, offered_as: str | None = None) -> None:
        """Refuse an action that the initiator may not run with this input; ``offered_as`` is its id for others.

        Raises:
            NotAllowedError: so it is. The words are Backstage's.
            BackstageError: the policy's conditions cannot be evaluated.
        """
        if self._decision is Verdict.ALLOW:
            return
        if not allows_action(self._decision, ActionCall(action, given, offered_as)):
            raise NotAllowedError(f"Unauthorized action: {action}. The action is not allowed.")

    async def check_resources(self, action: str) -> None:
        """Refuse ``crossplane:…:request`` and its like to a user to whom ``/api/crossplane`` would refuse the same.

        Raises:
            NotAllowedError: so it is. BackstageError: the permission backend gives no usable answer.
        """
        plugin, _, rest = action.partition(":")
        asked = _RESOURCES.get(rest.rpartition(":")[2]) if plugin == names.CROSSPLANE else None
        if asked is None or not isinstance(self._credentials.principal, UserPrincipal):
            return
        if not all(await self._authority.allowed([Query(asked)], self._credentials)):
            raise NotAllowedError(f"Unauthorized action: {action}. It takes the permission {asked.name}.")

    def check_extraction(self) -> None:
        """Refuse a dry run whose initiator may not run ``dry-run:extract``.

        Backstage collects the files of a dry run in a step of that name behind the template's own, and asks the policy
        about it, too: observed in scaffolder-backend 4.3.0, held by ``tests/permissions/test_replayed_answers.py``.
        """
        self.check(_EXTRACT, {})


def for_author() -> ActionGate:
    """Return the gate of somebody who runs actions on a machine of their own: nobody else is asked."""
    return ActionGate(Authority(), NOBODY)
