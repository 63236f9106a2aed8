"""``backend.rateLimit``."""

from backstage_py.settings import kinds
from backstage_py.settings.description import read as described
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections.rate_limit import STORE_TYPE, RateLimitRule, RateLimitSettings


def read(backend: Reader) -> RateLimitSettings | None:
    """Read it; None is no bound."""
    if not isinstance(backend.raw("rateLimit"), dict):
        return RateLimitSettings(RateLimitRule()) if backend.get("rateLimit", kinds.SWITCH) else None
    section = backend.section("rateLimit")
    is_everywhere = section.get("global", kinds.SWITCH) is not False
    plugins = section.section("plugin")
    return RateLimitSettings(
        described(RateLimitRule, section) if is_everywhere else None,
        {name: described(RateLimitRule, plugins.section(name)) for name in plugins.data},
        _store(section.section("store")),
    )


def _store(store: Reader) -> str | None:
    if store.get("type", STORE_TYPE) != "redis":
        return None
    url = store.get("connection", kinds.TEXT)
    if url is None:
        store.fail("connection", "is missing; expected the URL of a Redis, such as 'redis://redis:6379'")
    return url
