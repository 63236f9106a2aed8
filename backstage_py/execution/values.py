"""Values of ours in JSON: what goes to services and comes from them. An object with ``$`` says what it stands for.

``bytes``, a path, a file that was read, an answer of Backstage, a git host, an action that another plugin offers.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backstage_py.execution.messages import ProtocolError
from backstage_py.model.http import BackstageResponse, UrlContent
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Action, ActionAttributes

_KIND, _VALUE = "$", "value"


def packed(value: Any) -> Json:
    """Return a value as JSON. What is none of ours and no JSON stays as it is, and is refused when it is written."""
    match value:
        case bytes() | bytearray() | memoryview():
            return _tagged("bytes", b64encode(value).decode())
        case Path():
            return _tagged("path", str(value))
        case UrlContent():
            return _tagged("content", [packed(value.content), value.etag])
        case BackstageResponse():
            return _tagged("response", [value.status, dict(value.headers), packed(value.body)])
        case ScmIntegration():
            names = ("type", "host", "title", "api_base_url", "raw_base_url", "token")
            return _tagged("host", [*(getattr(value, name) for name in names), dict(value.options)])
        case Action():
            return _tagged("action", _described(value))
        case Mapping():
            plain = {str(key): packed(item) for key, item in value.items()}
            return _tagged("object", plain) if _KIND in plain else plain
        case list() | tuple():
            return [packed(item) for item in value]
    return value


def unpacked(value: Json, action: Callable[[JsonObject], Action] | None = None) -> Any:
    """Return what JSON stands for.

    Args:
        value: as ``packed`` makes it.
        action: makes an action of its description; None where none is expected.

    Raises:
        ProtocolError: it stands for nothing.
    """
    if isinstance(value, list):
        return [unpacked(item, action) for item in value]
    if not isinstance(value, dict):
        return value
    if _KIND not in value:
        return {key: unpacked(item, action) for key, item in value.items()}
    try:
        return _stood_for(value[_KIND], value[_VALUE], action)
    except (KeyError, ValueError, TypeError, AttributeError, binascii.Error):
        raise ProtocolError("a value in it stands for nothing that is known") from None


def _tagged(kind: str, value: Json) -> Json:
    return {_KIND: kind, _VALUE: value}


def _stood_for(kind: str, value: Json, action: Callable[[JsonObject], Action] | None) -> Any:
    match kind:
        case "bytes":
            return b64decode(value, validate=True)
        case "path":
            return Path(value)
        case "content":
            content, etag = value
            return UrlContent(unpacked(content), etag)
        case "response":
            status, headers, body = value
            return BackstageResponse(status, headers, unpacked(body))
        case "host":
            return ScmIntegration(*value)
        case "action" if action:
            return action(value)
        case "object":
            return {key: unpacked(item, action) for key, item in value.items()}
    raise ValueError(kind)


def _described(action: Action) -> JsonObject:
    of = action.attributes
    return {
        "id": action.id,
        "description": action.description,
        "input": action.input_schema,
        "output": action.output_schema,
        "attributes": [of.read_only, of.idempotent, of.destructive, of.pure, of.local],
        "dryRun": action.supports_dry_run,
        "source": action.source,
    }


def described_action(found: JsonObject, handler: Callable[..., Any]) -> Action:
    """Return an action of another plugin, called by ``handler``."""
    return Action(
        id=found["id"],
        handler=handler,
        description=found["description"],
        input_schema=found["input"],
        output_schema=found["output"],
        attributes=ActionAttributes(*found["attributes"]),
        supports_dry_run=found["dryRun"],
        needs_workspace=False,
        source=found["source"],
    )
