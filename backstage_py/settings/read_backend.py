"""``backend`` and ``discovery``."""

import re
from dataclasses import replace
from pathlib import Path

from backstage_py.model.trusted_proxies import TrustedProxies
from backstage_py.settings import kinds, read_database, read_https, read_rate_limit
from backstage_py.settings.description import read as described
from backstage_py.settings.kinds import shown
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import BackendSettings, DiscoverySettings

_LISTEN = re.compile(r"(?:(?P<host>\[[^\]]*\]|[^:]*):)?(?P<port>\d+)|(?P<only>[^:]+)")
_HIGHEST_PORT = 65_535
_DEFAULT_PORT = 7007


def read(backend: Reader) -> BackendSettings:
    """Read the section."""
    host, port = _listen(backend)
    database_url, database = read_database.read(backend.section("database"))
    https = read_https.read(backend)
    found = described(
        BackendSettings,
        backend,
        base_url=backend.get("baseUrl", kinds.URL) or default_base_url(host, port, is_secure=https is not None),
        host=host,
        port=port,
        database_url=database_url,
        database=database,
        https=https,
        rate_limit=read_rate_limit.read(backend),
        csp=_csp(backend.section("csp")),
        health_headers=_headers(backend.section("health.headers")),
    )
    working = found.working_directory if backend.has("workingDirectory") else Path.cwd() / "backstage-py-work"
    hops = backend.raw("trustProxy")
    trusted_hops = hops if isinstance(hops, int) and not isinstance(hops, bool) else None
    server = replace(found.server, trust_proxy=_trust_proxy(backend), trusted_hops=trusted_hops)
    return replace(found, working_directory=working, server=server)


def read_discovery(config: Reader) -> DiscoverySettings:
    """Read ``discovery.endpoints``; a later entry for the same plugin wins."""
    targets: dict[str, str] = {}
    for endpoint in config.section("discovery").sections("endpoints"):
        target = endpoint.raw("target")
        if isinstance(target, dict):
            both = endpoint.section("target")
            inner, outer = both.get("internal", kinds.URL), both.get("external", kinds.URL)
        else:
            inner = outer = endpoint.get("target", kinds.URL)
        plugins = endpoint.get("plugins", kinds.TEXTS)
        if not (inner or outer) or not plugins:
            endpoint.fail(
                "", "expected 'target' (a URL, or {internal, external}) and 'plugins' (an array of plugin ids)"
            )
        targets |= dict.fromkeys(plugins, inner) if inner else {}
    return DiscoverySettings(targets)


def _trust_proxy(backend: Reader) -> bool | tuple[str, ...]:
    """Read who is trusted; a number of hops, as Express takes it, trusts every peer to be a proxy."""
    value = backend.raw("trustProxy")
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return value > 0
    names = tuple(name.strip() for text in backend.get("trustProxy", kinds.TEXTS) or () for name in text.split(","))
    try:
        TrustedProxies(names)
    except ValueError:
        backend.fail("trustProxy", "expected true, false, a number, addresses, networks, or loopback, uniquelocal")
    return names


def _listen(backend: Reader) -> tuple[str, int]:
    value = backend.raw("listen")
    if isinstance(value, dict):
        listen = backend.section("listen")
        host = listen.raw("host")
        if host is not None and not isinstance(host, str):
            listen.fail("host", f"expected text, found {shown(host)}")
        port = listen.get("port", kinds.PORT)
        return _plain(host or ""), _DEFAULT_PORT if port is None else port
    if value is None:
        return "127.0.0.1", _DEFAULT_PORT
    found = _LISTEN.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if not found or int(found["port"] or 0) > _HIGHEST_PORT:
        backend.fail("listen", f"expected ':7007', '127.0.0.1:7007' or {{host, port}}, found {shown(value)}")
    return _plain(found["only"] or found["host"] or ""), int(found["port"] or _DEFAULT_PORT)


def _plain(host: str) -> str:
    """Return the interface; ``*`` and empty stand for all."""
    return host.strip("[]").replace("*", "")


def default_base_url(host: str, port: int, *, is_secure: bool = False) -> str:
    """Return the URL at which a service is reached on its own machine."""
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        host = "localhost"
    scheme = "https" if is_secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _csp(csp: Reader) -> dict[str, tuple[str, ...] | None]:
    directives: dict[str, tuple[str, ...] | None] = {}
    for name, value in csp.data.items():
        key = re.sub(r"[A-Z]", lambda found: f"-{found[0].lower()}", name)
        directives[key] = None if value is False else csp.get(name, kinds.TEXTS)
    return directives


def _headers(headers: Reader) -> dict[str, str]:
    return {name: _header(headers, name) for name in headers.data}


def _header(headers: Reader, name: str) -> str:
    value = headers.get(name, kinds.TEXT)
    if value is None:
        headers.fail(name, "is missing; expected text such as 'text'")
    return value
