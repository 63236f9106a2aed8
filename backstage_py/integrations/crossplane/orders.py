"""What somebody asks for: a resource for a service of a team, in one or more environments; pure.

Names follow from it, so asking twice asks for the same: the object is ``<service>-<environment>`` in the namespace of
the team, and bears in labels and annotations what was asked for.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backstage_py.errors import ConflictError, InputError
from backstage_py.integrations.crossplane.offers import Environment, Offer
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

PREFIX = "backstage-py.io"
RESOURCE, ORDER, TEAM = f"{PREFIX}/resource", f"{PREFIX}/order", f"{PREFIX}/team"
ENVIRONMENT, IDEMPOTENCY = f"{PREFIX}/environment", f"{PREFIX}/idempotency-key"
_REQUEST, _BY = f"{PREFIX}/request", f"{PREFIX}/requested-by"
DEFAULT_SIZE = "small"
_OWN_KEYS = ("serviceName", "team", "size", "environments")
_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_LABEL_WORDS = "1 to 40 lower-case letters, digits and '-', beginning with a letter and not ending in '-'"


@dataclass(frozen=True, slots=True)
class Order:
    """A request that was checked. ``chosen`` are values that the offer lets callers choose."""

    resource: str
    service: str
    team: str
    size: str
    environments: tuple[str, ...]
    chosen: Mapping[str, Json]
    namespace: str

    def object_name(self, environment: str) -> str:
        """Return the name of the object in an environment."""
        return f"{self.service}-{environment}"

    def request(self) -> JsonObject:
        """Return what is compared when the same is asked for again."""
        return {"serviceName": self.service, "team": self.team, "size": self.size, **self.chosen}


def parse(offer: Offer, body: Json) -> Order:
    """Read a request.

    Raises:
        InputError: something is wrong with it; the message says what to change.
    """
    if not isinstance(body, dict):
        raise InputError('The body must be a JSON object, e.g. {"serviceName": "checkout", "team": "payments"}')
    known = (*_OWN_KEYS, *offer.options)
    if unknown := sorted(set(body) - set(known)):
        raise InputError(f"Unknown key '{unknown[0]}' in the request's body; known are {', '.join(known)}")
    service, team = (_label(body, key) for key in ("serviceName", "team"))
    names = body.get("environments", list(offer.environments))
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise InputError("'environments' must be a list of names, or be left out to have all of them")
    size = body.get("size", DEFAULT_SIZE)
    chosen = {key: body[key] for key in offer.options if body.get(key) is not None}
    for name in names:
        offer.values(offer.place(name), str(size), chosen)
    unique = tuple(dict.fromkeys(names))
    return Order(offer.name, service, team, str(size), unique, chosen, offer.namespace.format(team=team))


def _label(body: Mapping[str, Json], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise InputError(f"'{key}' must be {_LABEL_WORDS}")
    return value


def fingerprint(subject: str, key: str | None) -> str | None:
    """Return what marks the objects of a caller's ``Idempotency-Key``, None without one."""
    return hashlib.sha256(f"{subject}\0{key}".encode()).hexdigest()[:40] if key else None


def metadata(order: Order, environment: str, *, by: str, mark: str | None) -> JsonObject:
    """Return the metadata of the object for an environment."""
    labels = {
        RESOURCE: order.resource,
        ORDER: order.service,
        TEAM: order.team,
        ENVIRONMENT: environment,
        **({IDEMPOTENCY: mark} if mark else {}),
    }
    annotations = {_REQUEST: json.text(order.request()), _BY: by}
    name, namespace = order.object_name(environment), order.namespace
    return {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations}


def own(offer: Offer, place: Environment, name: str, *, is_v2: bool) -> Mapping[str, Any]:
    """Return Crossplane's own fields of an object."""
    secret = None if is_v2 or not offer.connection_secret else {"name": offer.connection_secret.format(name=name)}
    composition = {"name": place.composition} if place.composition else None
    return {"compositionRef": composition, "writeConnectionSecretToRef": secret}


def labels_of(value: JsonObject) -> Mapping[str, str]:
    """Return the labels of an object."""
    return value["metadata"].get("labels") or {}


def is_of(offer: Offer, value: JsonObject) -> bool:
    """Whether an object was made as this resource."""
    return labels_of(value).get(RESOURCE) == offer.name


def refuse_unless_same_request(order: Order, value: JsonObject) -> None:
    """Return when an object that bears an ``Idempotency-Key`` was asked for with the same. Raises ConflictError."""
    found = request_of(value)
    if found and found != order.request():
        raise ConflictError(
            f"The Idempotency-Key was used for '{found.get('serviceName')}' of {found.get('team')}; use another one"
        )


def refuse_unless_same(order: Order, environment: str, value: JsonObject) -> None:
    """Return when an object that is there is what is asked for.

    Raises:
        ConflictError: it is somebody else's, or was asked for otherwise.
    """
    where = f"{value['kind']}/{order.namespace}/{order.object_name(environment)}"
    labels = labels_of(value)
    if (labels.get(RESOURCE), labels.get(ORDER), labels.get(TEAM)) != (order.resource, order.service, order.team):
        raise ConflictError(f"{where} is there already and was not made by such a request; choose another serviceName")
    if value["metadata"].get("deletionTimestamp"):
        raise ConflictError(f"{where} is being deleted; ask again once it is gone")
    before, now = request_of(value), order.request()
    changed = [key for key in sorted(set(before) | set(now)) if before.get(key) != now.get(key)]
    if changed:
        told = ", ".join(f"{key} {_shown(before.get(key))}, not {_shown(now.get(key))}" for key in changed)
        raise ConflictError(f"{where} is there already with {told}; change it where it is, or choose another name")


def request_of(value: JsonObject) -> JsonObject:
    """Return what an object was asked for with; ``{}`` where somebody removed it."""
    try:
        found = json.parse((value["metadata"].get("annotations") or {}).get(_REQUEST) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def asked_by(value: JsonObject) -> str:
    """Return who asked for an object; empty where somebody removed it."""
    return str((value["metadata"].get("annotations") or {}).get(_BY) or "")


def _shown(value: Json) -> str:
    return "nothing" if value is None else str(value)
