"""What schemathesis has to know of this service: real ids to ask for, and what an answer of Backstage looks like.

Loaded by the tool itself (``SCHEMATHESIS_HOOKS``). ``KNOWN`` in the environment holds ids that exist, by the name of
their parameter; without them nearly every generated request would end at "not found".
"""

import json
import os
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection

KNOWN: dict[str, Any] = json.loads(os.environ["KNOWN"])
ERROR = {"error", "request", "response"}
UNLIKE_THE_DOCUMENT = (b'"type":"recovered"', b'"stepId":0', b'"lastHeartbeatAt":null')


@schemathesis.hook
def map_path_parameters(_context: Any, parameters: Any) -> Any:
    """Ask for what exists every other time; kind, namespace and name only make sense together."""
    if not isinstance(parameters, dict) or len(str(parameters)) % 2:
        return parameters
    return {name: KNOWN.get(name, value) for name, value in parameters.items()}


@schemathesis.hook
def map_query(_context: Any, query: Any) -> Any:
    """Ask for all events: behind the last one of a task that has not ended, a long poll waits for half a minute."""
    after = query.get("after") if isinstance(query, dict) else None
    return {**query, "after": 0} if isinstance(after, int) and after > 0 else query


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Put something that exists into a body, only where the value has the right type: a wrong one stays wrong."""
    if not isinstance(body, dict) or len(str(body)) % 2:
        return body
    found = dict(body)
    for name in ("templateRef", "entityRef"):
        if isinstance(found.get(name), str):
            found[name] = KNOWN[name]
    for name in ("template", "values"):
        if isinstance(found.get(name), dict):
            found[name] = KNOWN[name]
    if isinstance(refs := found.get("entityRefs"), list) and all(isinstance(ref, str) for ref in refs):
        found["entityRefs"] = [*refs, KNOWN["entityRef"]]
    return found


@schemathesis.check
def success_fits_the_document(_context: Any, response: Any, case: Any) -> None:
    """Check what is answered when all went well.

    Backstage breaks its documents in some places, and so do we: ``fields`` leaves out members that are required, an
    event that tells of a retry has no message, one of a cancellation before the first step names step 0, and a task
    that nobody has claimed yet has null for its last heartbeat.
    """
    asked = [case.query or {}, case.body if isinstance(case.body, dict) else {}]
    exempt = any("fields" in part for part in asked) or any(part in response.content for part in UNLIKE_THE_DOCUMENT)
    if response.status_code < 300 and not exempt:
        case.operation.validate_response(response, case=case)


@schemathesis.check
def wrong_bodies_are_refused(context: Any, response: Any, case: Any) -> None:
    """Check that a body is refused which does not fit.

    Not asked of queries: the tool writes the list ``[1]`` as ``after=1`` and expects it to be refused.
    """
    body = case.meta and case.meta.components.get(ParameterLocation.BODY)
    if body and body.mode.is_negative:
        negative_data_rejection(context, response, case)


@schemathesis.check
def errors_have_backstages_shape(_context: Any, response: Any, _case: Any) -> None:
    """Check what is answered otherwise. Backstage's own documents do not describe it fully, so they cannot be asked."""
    if response.status_code < 400 or (response.status_code == 404 and not response.content):
        return
    body = json.loads(response.content)
    assert set(body) == {"errors"} or (set(body) == ERROR and {"name", "message"} <= set(body["error"])), body
