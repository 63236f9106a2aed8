"""An LDAP server, read in one go over ``ldap3`` (lazy, extra ``ldap``).

Referrals are never followed: the password would go to whoever the directory names. Failures become ours in
``_as_ours``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from backstage_py import extras, threads
from backstage_py.errors import ForeignError, NotFoundError, ServiceUnavailableError
from backstage_py.integrations import paging
from backstage_py.model.json import JsonObject
from backstage_py.settings.sections.directories import LdapOrg, LdapSearch

if TYPE_CHECKING:
    from ldap3 import Connection, Server

_CONNECT_SECONDS = 15
_ANSWER_SECONDS = 60
_MOST_ENTRIES = 500_000
_SCOPES = {"base": "BASE", "one": "LEVEL", "sub": "SUBTREE"}
_ALIASES = ("NEVER", "SEARCH", "BASE", "ALWAYS")
_ANYTHING = "(objectclass=*)"
_PAGES = "1.2.840.113556.1.4.319"
"""The control that cuts an answer into pages (RFC 2696)."""

_SUCCESS, _TOO_MANY, _REFERRAL, _NO_SUCH_OBJECT = 0, 4, 10, 32
_ADVICE = {
    3: "it takes longer than the server allows; set options.timeLimit or options.paged",
    4: "there are more entries than it sends at a time; set options.paged",
    11: "there are more entries than it may send; set options.paged, or filter them",
    49: "the DN or the password of bind is wrong, or has expired",
    50: "the DN of bind may not read this",
}
"""What to do about a refusal, by its code of RFC 4511."""


@dataclass(frozen=True, slots=True)
class LdapEntry:
    """An entry; the names of attributes are in lower case, since they are the same in any case."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]

    def values(self, name: str) -> tuple[bytes, ...]:
        """Return the values of an attribute; ``dn`` is the entry's own name unless it has such an attribute."""
        found = self.attributes.get(name.lower(), ())
        return found or ((self.dn.encode(),) if name.lower() == "dn" else ())

    def texts(self) -> JsonObject:
        """Return all of it as JSON; what is no text has replacement characters in it."""
        found = {name: [one.decode("utf-8", "replace") for one in values] for name, values in self.attributes.items()}
        return {**found, "dn": self.dn}


@dataclass(frozen=True, slots=True)
class LdapAnswers:
    """What a server holds: its description of itself, and the entries of each search in the order of the searches."""

    root: LdapEntry | None
    users: tuple[tuple[LdapEntry, ...], ...]
    groups: tuple[tuple[LdapEntry, ...], ...]


async def read(org: LdapOrg) -> LdapAnswers:
    """Ask for all that a provider is configured to read.

    Raises:
        MissingExtraError: ``ldap3`` is not installed. ServiceUnavailableError: no answer.
        ForeignError: the server refuses; the message says what to do. NotFoundError: there is no such DN.
    """
    extras.require(f"Reading {org.target}", "ldap")
    return await threads.remote_call("ldap", _read, org)


def _read(org: LdapOrg) -> LdapAnswers:
    with _connected(org) as connection:
        root = next(iter(_search(connection, org, LdapSearch(dn="", scope="base", attributes=("*",)))), None)
        return LdapAnswers(
            root,
            tuple(tuple(_search(connection, org, one)) for one in org.users),
            tuple(tuple(_search(connection, org, one)) for one in org.groups),
        )


def _server(org: LdapOrg) -> "Server":
    import ssl

    import ldap3

    url = urlsplit(org.target)
    is_secure = url.scheme == "ldaps"
    tls = ldap3.Tls(
        validate=ssl.CERT_REQUIRED if org.tls.is_checked else ssl.CERT_NONE,
        ca_certs_file=org.tls.ca,
        local_private_key_file=org.tls.keys,
        local_certificate_file=org.tls.certs,
        sni=url.hostname,
    )
    return ldap3.Server(
        url.hostname or "",
        port=url.port or (636 if is_secure else 389),
        use_ssl=is_secure,
        tls=tls if is_secure else None,
        get_info=ldap3.NONE,
        connect_timeout=_CONNECT_SECONDS,
    )


@contextmanager
def _connected(org: LdapOrg) -> "Iterator[Connection]":
    import ldap3

    what = f"{org.target} cannot be reached"
    with _as_ours(what):
        connection = ldap3.Connection(
            _server(org),
            user=org.bind.dn if org.bind else None,
            password=org.bind.secret if org.bind else None,
            auto_referrals=False,
            check_names=False,
            receive_timeout=_ANSWER_SECONDS,
        )
    try:
        with _as_ours(what):
            connection.open()
        if org.bind:
            refused = f"{org.target} does not let {org.bind.dn} in"
            with _as_ours(refused):
                connection.bind()
            _check(refused, connection.result)
        yield connection
    finally:
        _close(connection)


def _close(connection: "Connection") -> None:
    """Give the socket back, which a connection that never came about keeps."""
    sockets = connection.socket
    if not connection.closed:
        connection.unbind()
    if sockets:
        sockets.close()


def _search(connection: "Connection", org: LdapOrg, wanted: LdapSearch) -> Iterator[LdapEntry]:
    """Yield entries, page by page where pages are wanted."""
    what = f"Searching '{wanted.dn}' of {org.target} failed"
    count, cookie = 0, None
    for _ in range(paging.MOST_PAGES):
        with _as_ours(what):
            connection.search(**_request(wanted), paged_cookie=cookie)
        _check(what, connection.result, is_limited=bool(wanted.size_limit))
        for answer in connection.response or ():
            if answer["type"] == "searchResEntry":  # else it is a reference to another server
                count += 1
                yield _entry(answer)
        if count > _MOST_ENTRIES:
            raise ForeignError(f"{what}: there are more than {_MOST_ENTRIES} entries; filter them")
        cookie = _next_page(connection.result)
        if not cookie:
            return
    raise ForeignError(f"{what}: there are more than {paging.MOST_PAGES:,} pages; set options.paged.pageSize")


def _request(wanted: LdapSearch) -> dict[str, Any]:
    size = wanted.page if wanted.page is None or not 1 < wanted.size_limit <= wanted.page else wanted.size_limit - 1
    return {
        "search_base": wanted.dn,
        "search_filter": wanted.filter or _ANYTHING,
        "search_scope": _SCOPES[wanted.scope],
        "dereference_aliases": _ALIASES[wanted.dereference],
        "attributes": list(wanted.attributes),
        "size_limit": wanted.size_limit,
        "time_limit": wanted.time_limit,
        "paged_size": size,
    }


def _next_page(result: Any) -> bytes | None:
    control = (result.get("controls") or {}).get(_PAGES)
    return control["value"]["cookie"] if control else None


def _entry(answer: Any) -> LdapEntry:
    attributes = {name.lower(): tuple(values) for name, values in answer["raw_attributes"].items()}
    return LdapEntry(answer["dn"], attributes)


def _check(what: str, result: Any, *, is_limited: bool = False) -> None:
    """Raise unless the server did what it was asked; half an answer counts as none, unless half was asked for.

    Raises:
        NotFoundError, ForeignError.
    """
    code = result["result"]
    if code == _SUCCESS or (code == _TOO_MANY and is_limited):
        return
    if code == _REFERRAL:
        where = ", ".join(result["referrals"] or ()) or "unnamed"
        raise ForeignError(f"{what}: another server has this ({where}); set target to it")
    said = f"{result['description']}{', ' if result['message'] else ''}{result['message']}"
    if code == _NO_SUCH_OBJECT:
        raise NotFoundError(f"{what}: there is no such DN, or it may not be seen")
    raise ForeignError(f"{what}: {_ADVICE.get(code, said)}")


@contextmanager
def _as_ours(what: str) -> Iterator[None]:
    """Turn failures of ``ldap3`` into ours; no message has the password."""
    from ldap3.core import exceptions as failures

    try:
        yield
    except failures.LDAPInvalidFilterError as error:
        raise ForeignError(f"{what}: options.filter is no filter: {error}") from error
    except (failures.LDAPCommunicationError, OSError) as error:
        said = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in said:
            reason = said.partition("certificate verify failed: ")[2].partition(" (")[0]
            raise ForeignError(
                f"{what}: its certificate is not trusted ({reason}); name its authority in tls.ca"
            ) from error
        if "[SSL" in said:
            raise ServiceUnavailableError(f"{what}: it does not speak TLS at this port") from error
        raise ServiceUnavailableError(f"{what}: {said}") from error
    except failures.LDAPExceptionError as error:
        raise ForeignError(f"{what}: {str(error) or type(error).__name__}") from error
