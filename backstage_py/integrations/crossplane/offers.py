"""What the operator offers: ``crossplane.resources`` of the configuration, each kind of resource by its name.

Values are named in the operator's own words and laid into the spec where ``fields`` says. They come, later ones over
earlier ones, from secure defaults, the resource's ``values``, the size for the environment's provider (of the resource,
then of the environment), the environment's ``values``, and what callers may choose (``options``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.errors import InputError, NotFoundError, SettingsError
from backstage_py.integrations.crossplane import deliveries
from backstage_py.integrations.crossplane.definitions import Definition
from backstage_py.integrations.crossplane.deliveries import Delivery
from backstage_py.model.json import Json, JsonObject

_KEY = "crossplane.resources"
_RESOURCE = {
    "group", "kind", "version", "provider", "namespace", "owner", "at", "fields", "values", "sizes", "options",
    "composition", "connectionSecret", "environments", "entityType", "delivery", "definition", "link",
}  # fmt: skip
_DEFINITION = {"crossplane", "schema"}
_CROSSPLANES = ("v1", "v2")
_ENVIRONMENT = {"cluster", "provider", "values", "sizes", "composition", "production", "delivery"}
PROTECTION = "deletionProtection"
LINK_NAMES = ("cluster", "environment", "kind", "namespace", "name")
_PRODUCTION = "prod"
_SECURE: Mapping[str, Json] = {"encryption": True, PROTECTION: False, "multiAz": False, "backupRetentionDays": 7}
_SECURE_PRODUCTION: Mapping[str, Json] = {**_SECURE, PROTECTION: True, "multiAz": True, "backupRetentionDays": 30}


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a resource is made, and how there.

    Attributes:
        name: such as ``prod``.
        cluster: of ``kubernetes.clusterLocatorMethods``; None for the only one.
        provider: which part of a size counts.
        values: of this environment, secure defaults and those of the resource below them.
        own: those of the environment alone, which go before a size's.
        sizes: values by the size's name.
        composition: the Composition to use, None for what the definition chooses.
        delivery: the way to it.
    """

    name: str
    cluster: str | None
    provider: str
    values: Mapping[str, Json]
    own: Mapping[str, Json]
    sizes: Mapping[str, Mapping[str, Json]]
    composition: str | None
    delivery: Delivery = field(default_factory=Delivery)


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of resource.

    Attributes:
        name: as in the path of the API, such as ``postgres``.
        group: of the kind that is applied.
        kind: a claim's, or a composite's of version 2.
        version: of that kind; None for the one that its definition prefers.
        namespace: with ``{team}`` in it.
        owner: the group that owns what a team asks for, with ``{team}`` in it.
        at: the path in ``spec`` below which values are laid, empty for ``spec`` itself.
        fields: where a value goes, by its name; None leaves it out, an absent one goes by its own name.
        options: values that callers may choose.
        connection_secret: name of the Secret with the connection, with ``{name}`` in it; None for none.
        entity_type: ``spec.type`` of the Resource in the catalog.
        link: where a person looks at an object, with ``{cluster}``, ``{environment}``, ``{kind}``, ``{namespace}`` and
            ``{name}`` in it; None for what this service answers.
        environments: by name.
        described: the definition as the configuration describes it, for environments whose cluster cannot be asked.
    """

    name: str
    group: str
    kind: str
    version: str | None
    namespace: str
    owner: str
    at: str
    fields: Mapping[str, str | None]
    options: tuple[str, ...]
    connection_secret: str | None
    entity_type: str
    environments: Mapping[str, Environment] = field(default_factory=dict)
    described: Definition | None = None
    link: str | None = None

    def place(self, name: str) -> Environment:
        """Return an environment.

        Raises:
            InputError: it is not offered.
        """
        if name not in self.environments:
            raise InputError(f"There is no environment '{name}' for {self.name}; it has {', '.join(self.environments)}")
        return self.environments[name]

    def values(self, place: Environment, size: str, chosen: Mapping[str, Json]) -> dict[str, Json]:
        """Return what is asked for in an environment, by the names of the values.

        Raises:
            InputError: there is no such size.
        """
        if size not in place.sizes:
            known = ", ".join(place.sizes) or "none"
            raise InputError(f"There is no size '{size}' of {self.name} for {place.provider}; it has {known}")
        found = {**place.values, **place.sizes[size], **place.own, **chosen}
        return {**found, "size": size} if self.fields.get("size") else found

    def spec(self, values: Mapping[str, Json]) -> JsonObject:
        """Return the spec with the values where ``fields`` says."""
        spec: JsonObject = {}
        for name, value in values.items():
            target = self.fields.get(name, name)
            if target is not None and value is not None:
                _put(spec, ".".join(part for part in (self.at, target) if part), value)
        return spec

    def is_protected(self, value: JsonObject) -> bool:
        """Whether an object of the cluster says that it is protected against being deleted."""
        target = self.fields.get(PROTECTION, PROTECTION)
        node: Json = value.get("spec")
        for part in ".".join(one for one in (self.at, target or "") if one).split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return target is not None and node is True


def _put(spec: JsonObject, path: str, value: Json) -> None:
    *parents, last = path.split(".")
    node = spec
    for part in parents:
        node = node.setdefault(part, {})
    node[last] = value


def read(config: Mapping[str, Json]) -> dict[str, Offer]:
    """Return what is offered by its name; empty when nothing is.

    Raises:
        SettingsError: something is wrong; names the key.
    """
    resources = _object((config.get("crossplane") or {}).get("resources"), _KEY)
    return {name: _offer(name, _object(one, f"{_KEY}.{name}"), f"{_KEY}.{name}") for name, one in resources.items()}


def find(offers: Mapping[str, Offer], name: str) -> Offer:
    """Return one.

    Raises:
        NotFoundError: it is not offered.
    """
    if name not in offers:
        known = f"'{_KEY}' has {', '.join(offers)}" if offers else f"'{_KEY}' is empty"
        raise NotFoundError(f"There is no resource '{name}'; {known}")
    return offers[name]


def _offer(name: str, one: JsonObject, key: str) -> Offer:
    _refuse_unknown(one, _RESOURCE, key)
    environments = _object(one.get("environments"), f"{key}.environments")
    if not environments:
        raise SettingsError(f"{key}.environments", "is missing; expected at least one, such as 'staging' and 'prod'")
    fields = _object(one.get("fields"), f"{key}.fields")
    if wrong := next((at for at, path in fields.items() if path is not None and not isinstance(path, str)), None):
        raise SettingsError(f"{key}.fields.{wrong}", "it should be the path of a member, or null to leave it out")
    options = one.get("options") or []
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise SettingsError(f"{key}.options", "it should be a list of the values that callers may choose")
    return Offer(
        name=name,
        group=_text(one, "group", key),
        kind=_text(one, "kind", key),
        version=_text(one, "version", key, None),
        namespace=str(_text(one, "namespace", key, "{team}")),
        owner=str(_text(one, "owner", key, "group:default/{team}")),
        at=str(_text(one, "at", key, "parameters")),
        fields=fields,
        options=tuple(options),
        connection_secret=_text(one, "connectionSecret", key, "{name}-connection"),
        entity_type=str(_text(one, "entityType", key, "database" if name == "postgres" else name)),
        environments={
            env: _environment(env, _object(value, f"{key}.environments.{env}"), one, f"{key}.environments.{env}")
            for env, value in environments.items()
        },
        described=_described(one, key),
        link=_link(one, key),
    )


def _link(one: JsonObject, key: str) -> str | None:
    found: str | None = _text(one, "link", key, None)
    if found is not None:
        try:
            found.format(**dict.fromkeys(LINK_NAMES, ""))
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            known = ", ".join(f"{{{name}}}" for name in LINK_NAMES)
            raise SettingsError(f"{key}.link", f"it should be a URL with {known} in it, and no other braces") from error
    return found


def _described(one: JsonObject, key: str) -> Definition | None:
    found = _object(one.get("definition"), f"{key}.definition")
    if not found:
        return None
    _refuse_unknown(found, _DEFINITION, f"{key}.definition")
    if found.get("crossplane") not in _CROSSPLANES:
        raise SettingsError(f"{key}.definition.crossplane", f"it should be one of {', '.join(_CROSSPLANES)}")
    is_v2 = found["crossplane"] == _CROSSPLANES[1]
    return Definition(
        name="of the configuration",
        group=_text(one, "group", key),
        kind=_text(one, "kind", key),
        version=_text(one, "version", key),
        namespaced=True,
        is_v2=is_v2,
        is_claim=not is_v2,
        schema=_object(found.get("schema"), f"{key}.definition.schema"),
    )


def _environment(name: str, one: JsonObject, resource: JsonObject, key: str) -> Environment:
    _refuse_unknown(one, _ENVIRONMENT, key)
    provider = str(one.get("provider") or resource.get("provider") or "default")
    is_production = one.get("production", name.startswith(_PRODUCTION))
    secure = _SECURE_PRODUCTION if is_production else _SECURE
    parent = key.rpartition(".environments.")[0]
    sizes = _sizes(resource, provider, parent)
    for size, values in _sizes(one, provider, key).items():
        sizes[size] = {**sizes.get(size, {}), **values}
    return Environment(
        name=name,
        cluster=_text(one, "cluster", key, None),
        provider=provider,
        values={**secure, **_object(resource.get("values"), f"{parent}.values")},
        own=_object(one.get("values"), f"{key}.values"),
        sizes=sizes,
        composition=_text(one, "composition", key, None) or _text(resource, "composition", parent, None),
        delivery=deliveries.read(resource.get("delivery"), one.get("delivery"), f"{key}.delivery"),
    )


def _sizes(one: JsonObject, provider: str, key: str) -> dict[str, JsonObject]:
    listed = _object(one.get("sizes"), f"{key}.sizes")
    return {
        size: _object(_object(by_provider, f"{key}.sizes.{size}")[provider], f"{key}.sizes.{size}.{provider}")
        for size, by_provider in listed.items()
        if provider in _object(by_provider, f"{key}.sizes.{size}")
    }


def _refuse_unknown(one: JsonObject, known: set[str], key: str) -> None:
    if unknown := sorted(set(one) - known):
        raise SettingsError(f"{key}.{unknown[0]}", f"it is not known; known are {', '.join(sorted(known))}")


def _object(value: Json, key: str) -> JsonObject:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SettingsError(key, "it should be an object")
    return dict(value)


_MISSING = object()


def _text(one: JsonObject, name: str, key: str, default: Json = _MISSING) -> Json:
    value = one.get(name, default)
    if value is _MISSING:
        raise SettingsError(f"{key}.{name}", "is missing; expected text")
    if value is not None and (not isinstance(value, str) or not value):
        raise SettingsError(f"{key}.{name}", "it should be text")
    return value
