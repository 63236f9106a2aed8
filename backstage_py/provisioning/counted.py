"""Changes of infrastructure that somebody asks for without a task, as the platform's metrics count them; pure."""

from backstage_py.integrations.crossplane.provisioned import Provisioned
from backstage_py.model import platform_event, times
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType, key_of


def change(what: Provisioned) -> PlatformEvent:
    """Return the event of a resource that has just been created or deleted."""
    now, subject = times.now(), f"{what.offer.name} {what.namespace}/{what.name}"
    return PlatformEvent(
        key=key_of("ordered", subject, str(now)),
        type=PlatformEventType.INFRASTRUCTURE_CHANGED,
        at=now,
        owner_ref=platform_event.owner_in({"team": what.team}),
        subject=subject,
    )
