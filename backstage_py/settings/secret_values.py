"""Which values of the configuration are secret, as their keys say: no line of the log shows them."""

import re
from collections.abc import Iterator

from backstage_py import logging
from backstage_py.model.json import Json

_SECRET = re.compile(
    r"(?:token|secrets?|secretid|password|passphrase|(?:private|access|accesskey|account|api|secrets|signing|plan)key|"
    r"keydata|encryptionkeys|authorization|webhookurl|connectionstring|clientcertificate)$",
    re.IGNORECASE,
)
_SECTIONS = ("terraform.environment", "terraform.backend.config")
"""Whatever is in them."""
_PLACES = frozenset({"backend.https.certificate.key", "backend.rateLimit.store.connection", "auth.session.secret"})
_TEXTS = re.compile(r"backend\.database\.(?:plugin\.[^.]+\.)?connection")
"""A connection as text has its password in it."""
_ALSO_MASKED = re.compile(r"(?:username|accesskeyid|externalid|clientid)$", re.IGNORECASE)
"""Backstage calls these secret, too; they are too common as words to be hidden wherever they stand in a log."""
MASK = "***"
_ALLOWED = ("backend", "logger", "redactAllowlist")


def is_secret(key: str, value: Json = None) -> bool:
    """Whether a value is not to be shown.

    Args:
        key: dotted, with indices in brackets.
        value: of it; texts of some keys are secret, objects there are not.
    """
    names = re.sub(r"\[\d*\]", "", key)
    return (
        names in _PLACES
        or names.startswith(_SECTIONS)
        or any(_SECRET.search(name) for name in names.split("."))
        or (not isinstance(value, dict) and bool(_TEXTS.fullmatch(names)))
    )


def masked(key: str, value: Json) -> Json:
    """Return a value as it may be shown: without secrets, and without what looks like a token."""
    if isinstance(value, dict):
        return {name: masked(f"{key}.{name}", one) for name, one in value.items()}
    if isinstance(value, list):
        return [masked(f"{key}[{index}]", one) for index, one in enumerate(value)]
    if value is None:
        return None
    if is_secret(key, value) or _ALSO_MASKED.search(key):
        return MASK
    return logging.without_tokens(value) if isinstance(value, str) else value


def secret_values(config: Json) -> Iterator[str]:
    """Yield the secret texts of a merged configuration, but for those of ``backend.logger.redactAllowlist``."""
    allowed: Json = config
    for name in _ALLOWED:
        allowed = allowed.get(name) if isinstance(allowed, dict) else None
    shown = {str(text).strip() for text in allowed} if isinstance(allowed, list) else set[str]()
    yield from (text for text in _secrets(config, "") if text.strip() not in shown)


def _secrets(value: Json, key: str) -> Iterator[str]:
    if isinstance(value, str):
        if is_secret(key, value):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, key)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _secrets(item, f"{key}.{name}".removeprefix("."))
