"""The three kinds of callers, and the credentials of a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    """A signed-in user.

    Attributes:
        entity_ref: reference of the user's entity.
        ownership: references the token claims for the user; empty when the token does not say (Backstage leaves the
            claim out by default), so look the user up in the catalog then.
        actor: subject of the plugin that calls on the user's behalf, if one does.
    """

    entity_ref: str
    ownership: tuple[str, ...] = ()
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class AccessRestriction:
    """What an external token may do in one plugin; None means no bound of that kind."""

    permissions: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """Another service.

    Attributes:
        subject: e.g. ``plugin:catalog`` or ``external:ci``.
        restriction: what its token may do in the plugin that is called; None for everything.
        elsewhere: the same by plugin, of all plugins that a restricted token reaches.
    """

    subject: str
    restriction: AccessRestriction | None = None
    elsewhere: Mapping[str, AccessRestriction] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class NonePrincipal:
    """Nobody; only where the default policy is switched off or an endpoint is open."""


Principal = UserPrincipal | ServicePrincipal | NonePrincipal


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who calls, and the token that proves it (absent for nobody).

    For a plugin that calls on a user's behalf the token is the user's limited one.
    """

    principal: Principal
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None

    @property
    def user_ref(self) -> str | None:
        """Reference of the calling user, None for services and nobody."""
        return self.principal.entity_ref if isinstance(self.principal, UserPrincipal) else None

    @property
    def subject(self) -> str:
        """Who this is in a log line."""
        match self.principal:
            case UserPrincipal(entity_ref=ref):
                return ref
            case ServicePrincipal(subject=subject):
                return subject
        return "none"


NOBODY = Credentials(NonePrincipal())
