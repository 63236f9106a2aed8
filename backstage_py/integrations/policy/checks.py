"""A check: which policy judges what, and whether it denies or warns; the operator's are in ``scaffolder.policies``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from backstage_py.errors import SettingsError
from backstage_py.integrations.kubernetes import api, clusters
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.integrations.policy import admission, findings, opa, rego
from backstage_py.integrations.policy.findings import Finding
from backstage_py.integrations.policy.subject import Subject
from backstage_py.model.json import Json

KEY = "scaffolder.policies"
EVERYTHING = ("**",)
_MEMBERS = (
    "name",
    "rego",
    "package",
    "opa",
    "kyverno",
    "each",
    "paths",
    "enforcement",
    "environments",
    "environmentParameter",
)
_ENGINES = ("rego", "opa", "kyverno")

Enforcement = Literal["deny", "warn"]
Each = Literal["tree", "document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One policy.

    Attributes:
        rego: its modules by file name; empty when another engine judges.
        opa: the package of an OPA server.
        kyverno: ``clusterName`` and ``namespace`` of the cluster whose admission judges.
        each: whether ``input`` is all at once, or one document of a file after the other.
        paths: globs for the files that it is about.
        environments: what it does in which environment, where that is not ``enforcement``.
        environment_parameter: the form value that says the environment.
    """

    name: str
    rego: Mapping[str, str] = field(default_factory=dict)
    package: str = "main"
    opa: str | None = None
    kyverno: Mapping[str, Json] | None = None
    each: Each = "tree"
    paths: Sequence[str] = EVERYTHING
    enforcement: Enforcement = "deny"
    environments: Mapping[str, str] = field(default_factory=dict)
    environment_parameter: str | None = None

    def only_warns(self, environment: str | None) -> bool:
        """Whether what it finds denies nothing in an environment."""
        return self.environments.get(environment or "", self.enforcement) == "warn"

    async def findings(self, subject: Subject, config: Mapping[str, Json], environment: str | None) -> list[Finding]:
        """Return what the policy holds against a subject.

        Raises:
            BackstageError: it cannot be asked.
        """
        found = await self._judged(subject, config)
        return [one.as_warning() for one in found] if self.only_warns(environment) else found

    async def _judged(self, subject: Subject, config: Mapping[str, Json]) -> list[Finding]:
        if self.kyverno is not None:
            name, namespace = self.kyverno.get("clusterName"), self.kyverno.get("namespace")
            cluster = clusters.find(config, name)
            async with api.connect(cluster, Caller(has_own_token=True)) as kube:
                return await admission.judge(kube, subject, self.name, namespace)
        if self.each == "tree":
            (value,) = await self._evaluated([subject.as_json()], config)
            return list(findings.of_package(value, self.name, subject))
        documents = list(subject.documents())
        values = await self._evaluated([value for _, _, value in documents], config) if documents else []
        return [
            finding
            for value, (file, index, _) in zip(values, documents, strict=True)
            for finding in findings.of_package(value, self.name, subject, (file, index))
        ]

    async def _evaluated(self, inputs: Sequence[Json], config: Mapping[str, Json]) -> Sequence[Json]:
        if self.opa is not None:
            return [await opa.evaluate(self.name, self.opa, one, config) for one in inputs]
        return await rego.evaluate(self.name, self.rego, self.package, inputs, config=config)


def configured(config: Mapping[str, Json]) -> Sequence[Check]:
    """Return the operator's checks, in their order.

    Raises:
        SettingsError: one is wrong.
    """
    section = config.get("scaffolder")
    listed = section.get("policies") if isinstance(section, Mapping) else None
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise SettingsError(KEY, "it should be a list of policies")
    return [_check(one, f"{KEY}[{index}]") for index, one in enumerate(listed)]


def _check(value: Json, key: str) -> Check:
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise SettingsError(key, f"a policy is an object with {', '.join(_MEMBERS)}; its 'name' is missing")
    if unknown := sorted(set(value) - set(_MEMBERS)):
        raise SettingsError(key, f"it has '{unknown[0]}'; a policy has {', '.join(_MEMBERS)}")
    if len([one for one in _ENGINES if value.get(one) is not None]) != 1:
        raise SettingsError(key, f"it needs one of {', '.join(_ENGINES)}")
    kyverno = value.get("kyverno")
    if kyverno is not None and not isinstance(kyverno, Mapping):
        raise SettingsError(f"{key}.kyverno", "it is an object with 'clusterName' and 'namespace'")
    paths = value.get("paths", list(EVERYTHING))
    if not isinstance(paths, list) or not all(isinstance(one, str) for one in paths):
        raise SettingsError(f"{key}.paths", "it should be a list of globs")
    environments = value.get("environments") or {}
    if not isinstance(environments, Mapping):
        raise SettingsError(f"{key}.environments", "it is an object with deny or warn by environment")
    for one in environments.values():
        _choice(one, ("deny", "warn"), f"{key}.environments")
    rego_text, opa_path, parameter = value.get("rego"), value.get("opa"), value.get("environmentParameter")
    return Check(
        name=value["name"],
        rego={f"{value['name']}.rego": str(rego_text)} if rego_text is not None else {},
        package=str(value.get("package") or "main"),
        opa=None if opa_path is None else str(opa_path),
        kyverno=kyverno,
        each=cast("Each", _choice(value.get("each", "tree"), ("tree", "document"), f"{key}.each")),
        paths=tuple(paths),
        enforcement=cast(
            "Enforcement", _choice(value.get("enforcement", "deny"), ("deny", "warn"), f"{key}.enforcement")
        ),
        environments={str(name): str(one) for name, one in environments.items()},
        environment_parameter=None if parameter is None else str(parameter),
    )


def _choice(value: Json, choices: Sequence[str], key: str) -> str:
    if value not in choices:
        raise SettingsError(key, f"it should be one of {', '.join(choices)}")
    return str(value)
