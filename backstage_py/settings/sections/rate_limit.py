"""``backend.rateLimit``: how many requests a client may send in a while, in all and to single plugins."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.settings import kinds
from backstage_py.settings.description import Key, below, key, keys_of

STORE_TYPE = kinds.choice("memory", "redis")


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """What one client may do."""

    window: float = key("window", kinds.MILLISECONDS, "For how long requests are counted; a minute.", 60.0)
    limit: int = key("incomingRequestLimit", kinds.whole(least=1), "Most requests of a client in that time.", 5)
    is_lenient: bool = key("passOnStoreError", kinds.SWITCH, "Answer while the store does not.", False)
    allowed: tuple[str, ...] = key(
        "ipAllowList",
        kinds.TEXTS,
        "Addresses that are not counted; this machine's own without it.",
        ("127.0.0.1", "0:0:0:0:0:0:0:1", "::1"),
    )
    skips_successful: bool = key("skipSuccessfulRequests", kinds.SWITCH, "Count only what failed.", False)
    skips_failed: bool = key("skipFailedRequests", kinds.SWITCH, "Count only what did not fail.", False)


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """The rules.

    Attributes:
        everywhere: for all requests together, None when only plugins have rules.
        plugins: by the plugin's id.
        store: URL of the Redis that replicas share; None counts in each process by itself.
    """

    everywhere: RateLimitRule | None = None
    plugins: Mapping[str, RateLimitRule] = field(default_factory=dict)
    store: str | None = field(default=None, repr=False)


KEYS = (
    Key(
        "rateLimit",
        kinds.either({"type": ["boolean", "string"]}, kinds.OBJECT_SCHEMA),
        "Bounds on the requests of a client; true takes the defaults.",
        differs="health checks are never counted",
    ),
    Key("rateLimit.global", kinds.SWITCH, "Whether all requests are counted together; true by default."),
    *below("rateLimit", keys_of(RateLimitRule)),
    *below("rateLimit.plugin.*", keys_of(RateLimitRule)),
    Key("rateLimit.store.type", STORE_TYPE, "memory, or redis, which replicas share."),
    Key("rateLimit.store.connection", kinds.TEXT, "URL of the Redis."),
)
