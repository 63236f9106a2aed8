"""What a run's initiator may execute: asked once when the run begins, looked at before each action."""

from backstage_py.errors import NotAllowedError
from backstage_py.identity.principals import Credentials
from backstage_py.model.json import Json
from backstage_py.permissions import names
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.decisions import Decision, Verdict
from backstage_py.permissions.scaffolder_rules import allows_action

_EXTRACT = "dry-run:extract"


class ActionGate:
    """The gate of one run.

    Args:
        authority: decides.
        credentials: of who started the run.
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

    def check(self, action: str, given: Json) -> None:
        """Refuse an action that the initiator may not run with this input.

        Raises:
            NotAllowedError: so it is. The words are Backstage's.
            BackstageError: the policy's conditions cannot be evaluated.
        """
        if self._decision is Verdict.ALLOW:
            return
        if not allows_action(self._decision, action, given):
            raise NotAllowedError(f"Unauthorized action: {action}. The action is not allowed.")

    def check_extraction(self) -> None:
        """Refuse a dry run whose initiator may not run ``dry-run:extract``.

        Backstage collects the files of a dry run in a step of that name behind the template's own, and asks the policy
        about it, too: observed in scaffolder-backend 4.2.0, held by ``tests/permissions/test_replayed_answers.py``.
        """
        self.check(_EXTRACT, {})
