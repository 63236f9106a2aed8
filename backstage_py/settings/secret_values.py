"""Which values of the configuration are secret, as their keys say: no line of the log shows them."""

import re
from collections.abc import Iterator

from backstage_py.model.json import Json

_SECRET = re.compile(
    r"(?:token|secrets?|password|passphrase|(?:private|access|api|secrets|signing)key|keydata|encryptionkeys|authorization)$",
    re.IGNORECASE,
)
_ALLOWED = ("backend", "logger", "redactAllowlist")


def secret_values(config: Json) -> Iterator[str]:
    """Yield the secret texts of a merged configuration, but for those of ``backend.logger.redactAllowlist``."""
    allowed: Json = config
    for name in _ALLOWED:
        allowed = allowed.get(name) if isinstance(allowed, dict) else None
    shown = {str(text).strip() for text in allowed} if isinstance(allowed, list) else set[str]()
    yield from (text for text in _secrets(config, within=False) if text.strip() not in shown)


def _secrets(value: Json, *, within: bool) -> Iterator[str]:
    if isinstance(value, str):
        if within:
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, within=within)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, within=within or bool(_SECRET.search(key)))
