"""What is mounted where; key-value engines of both versions, and engines that give out what they lease."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backstage_py.errors import ConflictError, InputError
from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject

if TYPE_CHECKING:
    from hvac import Client

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A path of Vault: the mount, what is in it, and the engine. ``kv`` is its version, None for another engine."""

    mount: str
    rest: str
    type: str
    kv: int | None


def split(path: str) -> tuple[str, str]:
    """Return the mount, taken to be the first part of a path, and the rest.

    Raises:
        InputError: the path is not ``<mount>/<path>``.
    """
    mount, _, rest = path.strip("/").partition("/")
    if web_url.climbs(path) or "" in (mount, *rest.split("/")):
        raise InputError(f"The path '{path}' must be '<mount>/<path>', as in 'secrets/shop'")
    return mount, rest


def place(client: "Client", path: str, version: int) -> Place:
    """Find the engine of a path, as anybody may who may use something below it.

    ``version`` is that of a key-value engine that does not say.
    """
    mount, rest = split(path)
    quoted = "/".join(web_url.segment(part) for part in (mount, *rest.split("/")))
    answer: Any = client.adapter.get(f"/v1/sys/internal/ui/mounts/{quoted}")
    found = answer["data"]
    mounted = str(found["path"]).strip("/")
    inside = path.strip("/")[len(mounted) + 1 :]
    is_kv = found["type"] in {"kv", "generic"}
    kv = int((found.get("options") or {}).get("version") or (1 if found["type"] == "generic" else version))
    return Place(mounted, inside, found["type"], kv if is_kv else None)


def made_or_found(client: "Client", mount: str, version: int) -> tuple[int, bool]:
    """Return the version of the key-value engine at a mount, and whether it was made now.

    ``version`` is taken for granted when the token may not look at mounts.
    """
    from hvac.exceptions import Forbidden, InvalidRequest

    try:
        found: JsonObject = client.adapter.get(f"/v1/sys/mounts/{web_url.segment(mount)}")
    except InvalidRequest:  # Vault's answer to a mount that is not there
        client.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
        return 2, True
    except Forbidden:
        return version, False
    described = found.get("data") or found
    if described.get("type") not in {"kv", "generic"}:
        raise InputError(f"'{mount}' is a mount of type '{described.get('type')}' in Vault, not of type 'kv'")
    return int((described.get("options") or {}).get("version") or 1), False


def read_v1(client: "Client", mount: str, path: str) -> JsonObject:
    """Return a secret of an engine of version 1, without keys when there is none."""
    from hvac.exceptions import InvalidPath

    try:
        secret: JsonObject = client.secrets.kv.v1.read_secret(path, mount_point=mount)["data"]
    except InvalidPath:
        return {}
    return secret


def read_v2(client: "Client", mount: str, path: str) -> tuple[JsonObject, int]:
    """Return the newest secret and its version: 0 if there never was one, none of its keys if it is deleted."""
    from hvac.exceptions import InvalidPath

    try:
        answer: JsonObject = client.secrets.kv.v2.read_secret_version(
            path, mount_point=mount, raise_on_deleted_version=False
        )
    except InvalidPath:
        return {}, 0
    return answer["data"].get("data") or {}, answer["data"]["metadata"]["version"]


def write_v2(client: "Client", mount: str, path: str, values: JsonObject, *, replace: bool = False) -> int:
    """Write a secret and return its version; other keys stay unless ``replace``, and what others write is not lost.

    What is there already is not written again, so that a step that runs twice makes one version.

    Raises:
        ConflictError: others write all the time.
    """
    from hvac.exceptions import InvalidRequest

    for _ in range(_ATTEMPTS):
        secret, version = read_v2(client, mount, path)
        wanted = values if replace else {**secret, **values}
        if version and wanted == secret:
            return version
        try:
            answer = client.secrets.kv.v2.create_or_update_secret(path, wanted, cas=version, mount_point=mount)
        except InvalidRequest as error:
            if "check-and-set" not in str(error):
                raise
        else:
            return int(answer["data"]["version"])
    raise ConflictError(f"The secret '{mount}/{path}' changes all the time; run the step again")


def as_text(value: Json) -> str:
    """Return a value of a secret as a template gets it: texts as they are, anything else as JSON."""
    from backstage_py.model import json

    return value if isinstance(value, str) else json.text(value)
