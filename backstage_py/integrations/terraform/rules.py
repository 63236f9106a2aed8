"""The operator's ``terraform``: the binary, what templates may use, credentials, and where states are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backstage_py.errors import NotAllowedError, SettingsError
from backstage_py.integrations.origins import texts
from backstage_py.model.json import Json

_KEY = "terraform"
_MEMBERS = ("binary", "allow", "environment", "backend", "mirror", "planKey")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator says.

    Attributes:
        providers: addresses as ``include`` has them, such as ``registry.terraform.io/hashicorp/*``.
        modules: globs for sources of modules that are no folders of the configuration.
        environment: all of the binary's environment besides its own switches.
        backend: type and configuration of where states are kept; None for a file in the workspace.
        mirror: a folder of providers, in place of registries.
        plan_key: seals plans; the service keeps one for all its processes. Without it, as on a command line, one of the
            process.
    """

    binary: str = "terraform"
    providers: Sequence[str] = ()
    modules: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    backend: tuple[str, Mapping[str, Json]] | None = field(default=None, repr=False)
    mirror: str | None = None
    plan_key: str | None = field(default=None, repr=False)


def needs_key(config: Mapping[str, Json]) -> bool:
    """Whether templates may use Terraform, and the operator gives no key that seals plans."""
    section = config.get(_KEY)
    return isinstance(section, Mapping) and section.get("allow") is not None and not section.get("planKey")


def with_key(config: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    """Return a configuration with a key that seals plans, unless that is empty."""
    return {**config, _KEY: {**config[_KEY], "planKey": key}} if key else config


def read(config: Mapping[str, Json]) -> Rules:
    """Return the rules.

    Raises:
        NotAllowedError: there are none. SettingsError: they are wrong.
    """
    section = config.get(_KEY)
    if not isinstance(section, Mapping) or not isinstance(section.get("allow"), Mapping):
        raise NotAllowedError(
            f"Terraform is not open to templates; the operator has to say in '{_KEY}.allow' which providers and "
            "modules they may use"
        )
    if unknown := sorted(set(section) - set(_MEMBERS)):
        raise SettingsError(_KEY, f"it has '{unknown[0]}'; there are {', '.join(_MEMBERS)}")
    allow = section["allow"]
    environment = section.get("environment") or {}
    if not isinstance(environment, Mapping):
        raise SettingsError(f"{_KEY}.environment", "it should be an object of texts")
    backend = section.get("backend")
    if backend is not None and not (isinstance(backend, Mapping) and isinstance(backend.get("type"), str)):
        raise SettingsError(f"{_KEY}.backend", "it is an object with 'type' and 'config'")
    return Rules(
        binary=str(section.get("binary") or "terraform"),
        providers=texts(allow, "providers", f"{_KEY}.allow") or (),
        modules=texts(allow, "modules", f"{_KEY}.allow") or (),
        environment={str(name): str(value) for name, value in environment.items()},
        backend=None if backend is None else (backend["type"], backend.get("config") or {}),
        mirror=section.get("mirror") and str(section["mirror"]),
        plan_key=section.get("planKey") and str(section["planKey"]),
    )
