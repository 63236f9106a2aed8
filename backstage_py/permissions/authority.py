"""Who decides: the one place that every face asks before it does something for a caller."""

from collections.abc import Sequence

from backstage_py.errors import BackstageError, NotAllowedError
from backstage_py.identity.principals import Credentials, ServicePrincipal
from backstage_py.metrics.process import DECISIONS
from backstage_py.permissions.backend import PermissionBackend, Query
from backstage_py.permissions.decisions import Decision, Verdict
from backstage_py.permissions.names import Permission


class Authority:
    """Decides for one of our plugins.

    Services are judged by their access restrictions, whether permissions are enabled or not. Users and unknown callers
    may do everything where no backend is asked: permissions are off, or the policy is the one that allows everything.

    Args:
        backend: whom to ask about users; None where everything is allowed.
    """

    def __init__(self, backend: PermissionBackend | None = None) -> None:
        self._backend = backend

    def allows_all(self, credentials: Credentials) -> bool:
        """Return whether it is certain, without asking anybody, that the caller may do everything."""
        if isinstance(credentials.principal, ServicePrincipal):
            return credentials.principal.restriction is None
        return self._backend is None

    async def decide(self, permissions: Sequence[Permission], credentials: Credentials) -> list[Decision]:
        """Return the decisions about several permissions; each may be conditions.

        Raises:
            BackstageError: the permission backend gives no usable answer.
        """
        queries = [Query(permission) for permission in permissions]
        return await self._ask(queries, credentials, conditional=True)

    async def allowed(self, queries: Sequence[Query], credentials: Credentials) -> list[bool]:
        """Return, for each question, whether the answer is yes.

        Raises:
            BackstageError: the permission backend gives no usable answer.
        """
        return [found is Verdict.ALLOW for found in await self._ask(queries, credentials, conditional=False)]

    async def is_allowed(self, permission: Permission, credentials: Credentials, resource: str | None = None) -> bool:
        """Return whether the caller has a permission, for a resource if one is named.

        Raises:
            BackstageError: the permission backend gives no usable answer.
        """
        return (await self.allowed([Query(permission, resource)], credentials))[0]

    async def require(self, credentials: Credentials, *permissions: Permission, resource: str | None = None) -> None:
        """Go on only if the caller has all of the permissions.

        Raises:
            NotAllowedError: one is missing; without a message, as in Backstage.
            BackstageError: the permission backend gives no usable answer.
        """
        queries = [Query(permission, resource) for permission in permissions]
        if not all(await self.allowed(queries, credentials)):
            raise NotAllowedError("")

    async def _ask(self, queries: Sequence[Query], credentials: Credentials, *, conditional: bool) -> list[Decision]:
        try:
            decisions = await self._decisions(queries, credentials, conditional=conditional)
        except BackstageError:
            _count(queries, ["error"] * len(queries))
            raise
        _count(queries, [one.value.lower() if isinstance(one, Verdict) else "conditional" for one in decisions])
        return decisions

    async def _decisions(
        self, queries: Sequence[Query], credentials: Credentials, *, conditional: bool
    ) -> list[Decision]:
        principal = credentials.principal
        if isinstance(principal, ServicePrincipal):
            return [_of_service(principal, query.permission) for query in queries]
        if self._backend is None:
            return [Verdict.ALLOW] * len(queries)
        return await self._backend.ask(queries, credentials, conditional=conditional)


def _count(queries: Sequence[Query], decisions: Sequence[str]) -> None:
    for query, decision in zip(queries, decisions, strict=True):
        DECISIONS.inc(query.permission.name, decision)


def _of_service(service: ServicePrincipal, permission: Permission) -> Verdict:
    bounds = service.restriction
    if bounds is None:
        return Verdict.ALLOW
    named = bounds.permissions is None or permission.name in bounds.permissions
    acts = bounds.actions is None or permission.action in bounds.actions
    return Verdict.ALLOW if named and acts else Verdict.DENY
