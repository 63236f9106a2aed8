"""The actions that an author's commands know: bundled, installed, configured, and those of a running Backstage."""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from backstage_py.cli.local import own_actions
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import InputError
from backstage_py.lint.actions import Catalogue, KnownAction, Origin, bundled_catalogue, described, parse
from backstage_py.lint.check import Options
from backstage_py.lint.config import Config
from backstage_py.lint.files import read_bytes
from backstage_py.lint.view import Vocabulary
from backstage_py.model import json, web_url

if TYPE_CHECKING:
    from backstage_py.plugin import TemplateFilter

TOKEN_VARIABLE = "BACKSTAGE_TOKEN"  # noqa: S105  # a name, not a token
SOURCE_VARIABLE = "BACKSTAGE_PY_ACTIONS_FROM"
_TOKEN_HINT = {
    True: f"set {TOKEN_VARIABLE}",
    False: f"give the address with --actions-from or {SOURCE_VARIABLE}, since a project's gets no token",
}
_PATH = "/api/scaffolder/v2/actions"
_LARGEST_LISTING = 20 * 1024 * 1024
_FRESH_SECONDS = 3_600.0
_TIMEOUT_SECONDS = 15.0


def options(config: Config, trust: Trust, source: str | None = None) -> Options:
    """Return what a check knows: actions, names of one's own, and severities.

    Args and errors are those of ``catalogue``.
    """
    local, own = _local(config, trust), config.vocabulary
    filters, globals_ = _installed_names()
    vocabulary = Vocabulary(
        own.filters | local.filters | filters, own.globals | local.globals | globals_, fields=own.fields
    )
    return Options(_catalogue(config, source, local, trust), vocabulary, config.levels)


def catalogue(config: Config, trust: Trust, source: str | None = None) -> Catalogue:
    """Return the actions that are known: later ones take precedence.

    Args:
        config: names files, and perhaps a Backstage to ask.
        trust: what of that is followed.
        source: a Backstage to ask instead, by its base URL, as the user says.

    Raises:
        InputError: a file or an answer is no list of actions, or nothing could be fetched and nothing is cached.
    """
    return _catalogue(config, source, _local(config, trust), trust)


def declared(config: Config, trust: Trust) -> Catalogue:
    """Return the actions that are known although they are not installed; see ``catalogue``."""
    return _catalogue(config, None, own_actions.LocalActions(), trust)


def filters(config: Config, trust: Trust) -> "dict[str, TemplateFilter]":
    """Return the filters of other packages and of the project.

    Raises:
        InputError: one of them cannot be loaded.
    """
    from backstage_py.plugin.loading import load_plugins

    plugins = load_plugins()
    if folder := own_actions.folder(config, trust):
        own_actions.add(plugins, folder)
    return dict(plugins.filters)


def _local(config: Config, trust: Trust) -> own_actions.LocalActions:
    folder = own_actions.folder(config, trust)
    return own_actions.load(folder) if folder else own_actions.LocalActions()


def _catalogue(config: Config, source: str | None, local: own_actions.LocalActions, trust: Trust) -> Catalogue:
    known = bundled_catalogue().with_actions(_installed()).with_actions(local.actions)
    known = known.with_actions(described(one, "declared") for one in config.declared)
    for name in config.actions:
        known = known.with_actions(_of_file((config.folder or Path()) / name))
    own = source or os.environ.get(SOURCE_VARIABLE) or trust.user.actions_from
    if url := own or project_source(config, trust):
        known = known.with_actions(_parsed(fetch(url, with_token=url == own), url, "live"), complete=True)
    return known


def project_source(config: Config, trust: Trust) -> str | None:
    """Return the Backstage that a project names, None where it is not trusted."""
    url = config.actions_from
    return url if url and trust.allows(trusting.address(url, config.folder or Path())) else None


def fetch(url: str, *, with_token: bool) -> bytes:
    """Return the listing of a Backstage; an answer of the last hour is used again, an older one if no new one comes.

    Args:
        url: of its backend.
        with_token: send what ``BACKSTAGE_TOKEN`` holds; only to an address that the user named, never a project.

    Raises:
        InputError: nothing could be fetched and nothing is cached.
    """
    import urllib.error

    address = address_of(url)
    cached = _cache_file(address)
    age = time.time() - cached.stat().st_mtime if cached.is_file() else None
    if age is not None and age < _FRESH_SECONDS:
        return cached.read_bytes()
    try:
        data = _get(address, with_token=with_token)
    except (OSError, ValueError) as error:
        if age is not None:
            return cached.read_bytes()
        is_refused = isinstance(error, urllib.error.HTTPError) and error.code == HTTPStatus.UNAUTHORIZED
        hint = f"; {_TOKEN_HINT[with_token]}" if is_refused else ""
        raise InputError(f"Cannot fetch {address}: {_reason(error)}{hint}") from error
    _parsed(data, url, "live")
    with contextlib.suppress(OSError):  # a home that cannot be written costs time, not the answer
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(f".{os.getpid()}")
        partial.write_bytes(data)
        partial.replace(cached)
    return data


def _reason(error: OSError | ValueError) -> str:
    inner = getattr(error, "reason", None)  # urllib wraps what the system said
    return str((inner.strerror or inner) if isinstance(inner, OSError) else error)


def check_address(url: str) -> None:
    """Refuse what is no address of a Backstage backend.

    Raises:
        InputError: it is no http(s) URL.
    """
    if not web_url.is_http(url):
        raise InputError(f"'{url}' is no http(s) URL; give the base URL of a Backstage backend")


def address_of(url: str) -> str:
    """Return the address of the listing for the base URL of a Backstage backend, or for the listing itself.

    Raises:
        InputError: it is no http(s) URL.
    """
    check_address(url)
    return url if url.endswith("/v2/actions") else url.rstrip("/").removesuffix("/api/scaffolder") + _PATH


def _get(address: str, *, with_token: bool) -> bytes:
    import urllib.request

    request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310  # checked by address_of
    if with_token and (token := os.environ.get(TOKEN_VARIABLE)):
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310  # as above
        data: bytes = response.read(_LARGEST_LISTING + 1)
    if len(data) > _LARGEST_LISTING:
        raise ValueError("the answer is larger than 20 MB")
    return data


def _cache_file(address: str) -> Path:
    import hashlib

    home = os.environ.get("XDG_CACHE_HOME")
    folder = Path(home) if home else Path.home() / ".cache"
    return folder / "backstage-py" / f"actions-{hashlib.sha256(address.encode()).hexdigest()[:16]}.json"


def _of_file(path: Path) -> list[KnownAction]:
    content = read_bytes(path, _LARGEST_LISTING)
    if content.unreadable:
        raise InputError(f"Cannot read {path}: {content.unreadable}")
    return _parsed(content.data, str(path), "declared")


def _parsed(data: bytes, name: str, origin: Origin) -> list[KnownAction]:
    try:
        return parse(json.parse(data), origin)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def _installed() -> Sequence[KnownAction]:
    """Actions of other packages; ours are bundled as a list, since importing them takes longer than a check."""
    found: list[KnownAction] = []
    for package, loaded in _loaded("backstage_py.actions"):
        from backstage_py.plugin.registry import actions_of

        found += [replace(described(one.describe(), "installed"), package=package) for one in actions_of(loaded)]
    return found


def _installed_names() -> tuple[frozenset[str], frozenset[str]]:
    """Names of the filters and of the globals of other packages."""
    filters: set[str] = set()
    others: set[str] = set()
    for _, loaded in _loaded("backstage_py.templating"):
        from backstage_py.plugin import TemplateFilter
        from backstage_py.plugin.folder import extensions_of

        for one in extensions_of(loaded):
            (filters if isinstance(one, TemplateFilter) else others).add(one.name)
    return frozenset(filters), frozenset(others)


def _loaded(group: str) -> Iterator[tuple[str | None, object]]:
    """Import what the entry points of other packages name; with the package's name."""
    from importlib import metadata

    for entry_point in metadata.entry_points(group=group):
        if entry_point.value.partition(":")[0].partition(".")[0] == "backstage_py_actions":
            continue
        try:
            yield entry_point.dist.name if entry_point.dist else None, entry_point.load()
        except Exception as error:  # a plugin's import may fail in any way
            raise InputError(
                f"The plugin {entry_point.name} ({entry_point.value}) cannot be imported: {error}"
            ) from error


def bundle() -> str:
    """Return the text of ``schemas/builtin-actions.json``: what the built-in actions say of themselves.

    It is bundled so that a check need not import them; a test compares. Examples are left out, and so is which extras
    are installed where it is made.
    """
    import json as standard
    from importlib import metadata

    from backstage_py.plugin.registry import actions_of

    found = [
        one.describe() | {"examples": [], "description": one.description}
        for entry_point in metadata.entry_points(group="backstage_py.actions", name="builtin")
        for one in actions_of(entry_point.load())
    ]
    ordered = sorted(found, key=lambda one: str(one["id"]))
    return standard.dumps(ordered, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(bundle())
