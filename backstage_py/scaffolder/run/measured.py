"""What a task did that the platform is measured by, read out of what is stored of it anyway.

A repository is told of when the step that created it is recorded, since nothing is left of a step behind the end of its
task. The rest of a task is told of later, from its row (``reporting``), so that no step waits for it.
"""

import re
from collections.abc import Iterator, Sequence

from backstage_py.model import platform_event, times
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType
from backstage_py.scaffolder.run.spec import Spec

_CREATES = re.compile(r"publish:[^:]+|github:repo:create")
"""Actions that create a repository on any host, ours and others', and put out its ``remoteUrl``."""


def events_of(action: str, outputs: JsonObject, spec: Spec, task_id: str) -> Sequence[PlatformEvent]:
    """Return what a step that completed did: the repositories that it created."""
    if not _CREATES.fullmatch(action) or outputs.get("created") is False:
        return ()
    return tuple(_repositories(outputs, spec, task_id))


def _repositories(outputs: JsonObject, spec: Spec, task_id: str) -> Iterator[PlatformEvent]:
    for position, url in enumerate(_listed(outputs.get("remoteUrl"))):
        name = platform_event.repository_of(url) if isinstance(url, str) else None
        if name is None:
            continue
        revisions = _listed(outputs.get("commitHash"))
        revision = revisions[position] if position < len(revisions) else None
        yield PlatformEvent(
            key=platform_event.key_of("repository", task_id, name),
            type=PlatformEventType.REPOSITORY_CREATED,
            at=times.now(),
            repository=name,
            template_ref=spec.template_info.entity_ref if spec.template_info else None,
            owner_ref=platform_event.owner_in(spec.parameters),
            subject=task_id,
            revision=revision if isinstance(revision, str) else None,
        )


def _listed(value: Json) -> list[Json]:
    """Return the values of an output; a step with ``each`` has a list of them."""
    return value if isinstance(value, list) else [value]
