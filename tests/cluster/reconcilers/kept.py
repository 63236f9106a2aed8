"""Whether a kind has the fields that a controller of the tests writes: an API server drops what no schema knows."""

from typing import Any


def kept(sent: Any, answer: Any) -> Any:
    """Return the answer to a status that was sent, in which all of it has to be."""
    lost = list(_lost(sent, answer.get("status"), "status"))
    assert not lost, f"{answer['kind']} has no such fields, or other values in them: {', '.join(lost)}"
    return answer


def _lost(sent: Any, there: Any, at: str) -> list[str]:
    if isinstance(sent, dict) and isinstance(there, dict):
        return [one for key, value in sent.items() for one in _lost(value, there.get(key), f"{at}.{key}")]
    if isinstance(sent, list) and isinstance(there, list) and len(sent) == len(there):
        pairs = enumerate(zip(sent, there, strict=True))
        return [one for index, pair in pairs for one in _lost(*pair, f"{at}[{index}]")]
    return [] if sent == there or (not sent and not there) else [at]
