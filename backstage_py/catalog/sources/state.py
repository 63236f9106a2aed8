"""How a provider does, as the API shows it: like an item of an entity's ``status``, with what was counted."""

from backstage_py.model import times
from backstage_py.model.json import JsonObject
from backstage_py.storage.catalog.providers import ProviderState

_TYPE = "backstage.io/catalog-provider"


def as_json(state: ProviderState) -> JsonObject:
    """Return ``{name, type, level, message, begunAt, …}``; the level is ``error`` while the newest reading failed."""
    message = f"It has {state.entities} entities" if state.succeeded_at else "It was not read yet"
    failed = f"{state.error}; what it gave before stays"
    return {
        "name": state.name,
        "type": _TYPE,
        "level": "error" if state.error else "info",
        "message": failed if state.error else message,
        "begunAt": _moment(state.begun_at),
        "endedAt": _moment(state.ended_at),
        "succeededAt": _moment(state.succeeded_at),
        "entities": state.entities,
        "runs": state.runs,
        "failures": state.failures,
        "events": state.events,
    }


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else times.iso(milliseconds)
