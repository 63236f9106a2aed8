"""What two clients of a stand-in sent and left, in a form in which they can be compared."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from backstage_py.sandbox.gitrepo import refs
from tests.forges.stand_in import Asked, StandIn

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "forges"
HOSTS = ("gitlab", "gitea", "gerrit", "bitbucket-cloud", "bitbucket-server", "azure", "azure-devops")
"""Those whose modules were recorded: ``X.json`` has what they send, ``X-actions.json`` which actions they have."""

_NOW = re.compile(r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@dataclass(frozen=True)
class Case:
    """A step: ``name`` is unique in its table; ``input`` is as templates have it."""

    name: str
    action: str
    input: dict[str, Any]
    dry: bool = False
    config: tuple[tuple[str, Any], ...] = ()


def table(host: str) -> list[dict[str, Any]]:
    """The recorded cases of a kind of host."""
    found: list[dict[str, Any]] = json.loads((GOLDEN / f"{host}.json").read_text())
    return found


def write(host: str, cases: Iterable[Any]) -> None:
    """Write a table, a case a line."""
    lines = ",\n".join(json.dumps(one, sort_keys=True, ensure_ascii=False) for one in cases)
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / f"{host}.json").write_text(f"[\n{lines}\n]\n")


def requests(base: StandIn, plain: Callable[[Any], Any] = lambda body: body) -> list[list[Any]]:
    """The requests, without what may differ: pages, the host's address, moments that are now."""
    shown = [_shown(base, one, plain) for one in base.asked if one.query.get("page", "1") == "1"]
    return json.loads(json.dumps(shown))  # type: ignore[no-any-return]  # as a table has it


def _shown(base: StandIn, asked: Asked, plain: Callable[[Any], Any]) -> list[Any]:
    query = {name: value for name, value in asked.query.items() if name not in {"page", "per_page"}}
    scheme = asked.headers.get("authorization", "").partition(" ")[0].lower()
    kind = scheme or ("private" if asked.headers.get("private-token") else "")
    path = "/".join(part.replace("/", "%2F") for part in asked.path)
    body = asked.body or None
    if path.endswith("/trigger/pipeline"):  # the module has the token in the URL, where logs keep it
        body, query = {**(body or {}), **query}, {}
    return [asked.method, path, query, same(base, plain(body)), kind]


def same(base: StandIn, value: Any) -> Any:
    """A value without the address, and with moments of the test named."""
    if isinstance(value, dict):
        return {key: same(base, one) for key, one in value.items()}
    if isinstance(value, list):
        return [same(base, one) for one in sorted(value, key=_file)]
    if not isinstance(value, str):
        return value
    if _NOW.fullmatch(value) and value[:4] >= str(date.today().year):  # noqa: DTZ011  # the tables hold none of that kind
        return "<now>"
    if value in {str(date.today() + timedelta(days=365 + off)) for off in (-1, 0, 1)}:  # noqa: DTZ011  # as above
        return "<in a year>"
    return value.replace(base.url, "<host>").replace(base.url.replace("://", "://ada@"), "<host as ada>")


def _file(value: Any) -> str:
    """The order of files is nobody's; other lists keep theirs."""
    return str(value.get("file_path", "")) if isinstance(value, dict) else ""


def structure(node: Any, *, names: bool = False) -> Any:
    """A schema without its texts; a property may well be called ``description``."""
    if isinstance(node, dict):
        return {
            key: structure(value, names=key == "properties" and not names)
            for key, value in node.items()
            if names or key not in {"description", "title"} or not isinstance(value, str)
        }
    return [structure(item) for item in node] if isinstance(node, list) else node


async def left(base: StandIn) -> dict[str, dict[str, str]]:
    """The trees of all branches, and what else is pushed, of all repositories."""
    found: dict[str, dict[str, str]] = {}
    for one in base.host.store.everything():
        bare, full_name = base.host.store.bare(one), one.full_name.replace("__", "/")
        found[full_name] = {}
        for ref in await refs.listing(bare, "refs/"):
            tree = (await bare.run("rev-parse", f"{ref.sha}^{{tree}}")).decode().strip()
            found[full_name][ref.name.removeprefix("refs/heads/")] = tree
    return found
