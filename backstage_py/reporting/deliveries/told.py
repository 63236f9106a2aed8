"""Which module reads the deliveries of a topic."""

from collections.abc import Sequence
from itertools import islice

from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent
from backstage_py.reporting.deliveries import github, gitlab, platform
from backstage_py.reporting.deliveries.changes import MOST_COMMITS


def events(topic: str, payload: JsonObject) -> Sequence[PlatformEvent]:
    """Return what a proven delivery tells.

    Args:
        topic: with the kind of the event, such as ``github.push``.
        payload: its body.

    Raises:
        InputError: it is of the topic ``platform``, and wrong.
    """
    host, _, kind = topic.partition(".")
    match host:
        case "github":
            found = github.events(kind, payload)
        case "gitlab":
            found = gitlab.events(kind, payload)
        case "platform":
            found = platform.events(payload)
        case _:
            return ()
    return tuple(islice(found, MOST_COMMITS))
