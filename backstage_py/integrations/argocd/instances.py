"""The instances of Argo CD: ``argocd.appLocatorMethods`` of the configuration, and who may use them for what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backstage_py.errors import NotAllowedError, NotFoundError, SettingsError
from backstage_py.integrations.origins import Origin, matches, rule_owners, rules, texts
from backstage_py.model.json import Json, JsonObject

KEY = "argocd.appLocatorMethods"
_FIELDS = ("owners", "sources", "projects", "namespaces")
_PROJECT_LISTS = (
    "clusterResourceBlacklist",
    "clusterResourceWhitelist",
    "namespaceResourceBlacklist",
    "namespaceResourceWhitelist",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What some templates may do; each list holds globs in which ``*`` stands for anything.

    Attributes:
        owners: entity references; one of the template's owners has to match. None: whoever owns it.
        sources: URLs from which the catalog read the template. None: from anywhere.
        projects: of Argo CD, whose Applications they may use.
        namespaces: to which these may deploy. None: to any that the project lets through.
    """

    owners: tuple[str, ...] | None
    sources: tuple[str, ...] | None
    projects: tuple[str, ...]
    namespaces: tuple[str, ...] | None

    def covers(self, project: str, namespace: str) -> bool:
        """Whether it is about a project and the namespace that is deployed to."""
        is_project = matches(self.projects, project)
        return is_project and (self.namespaces is None or matches(self.namespaces, namespace))


@dataclass(frozen=True, slots=True)
class Instance:
    """An Argo CD of the configuration.

    Attributes:
        project_lists: the allow and deny lists that new projects get.
        rules: who may use the configured credentials for what; None where the operator says nothing.
        has_own_token: the token is the caller's, to whom rules do not apply.
    """

    name: str
    url: str
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    project_lists: Mapping[str, Json] = field(default_factory=dict)
    rules: tuple[Rule, ...] | None = None
    has_own_token: bool = False

    @property
    def needs_owners(self) -> bool:
        """Whether it has to be known who owns a template."""
        return any(one.owners is not None for one in self.rules or ())

    def refuse_unless_open(self, origin: Origin | None) -> None:
        """Return when there are rules for templates, or none asks. Raises NotAllowedError."""
        if not self.has_own_token and origin is not None and self.rules is None:
            raise NotAllowedError(
                f"Argo CD '{self.name}' is not open to templates: give a token of your own, or have the operator add "
                f"'allow' to it in '{KEY}'"
            )

    def refuse_unless_allowed(self, origin: Origin | None, project: str, namespace: str) -> None:
        """Return when a rule lets a template use what a project deploys to a namespace.

        Args:
            origin: of the template; None where none asks.
            project: of the Application.
            namespace: that is deployed to.

        Raises:
            NotAllowedError: none does.
        """
        self.refuse_unless_open(origin)
        if self.has_own_token or origin is None:
            return
        if not any(origin.fits(one.owners, one.sources) and one.covers(project, namespace) for one in self.rules or ()):
            raise NotAllowedError(
                f"This template may not use the project '{project}' with the namespace '{namespace}' on Argo CD "
                f"'{self.name}'; the operator's 'allow' in '{KEY}' says what it may"
            )


def find(config: Mapping[str, Json], name: str, *, token: str | None = None) -> Instance:
    """Return an instance; with a ``token``, as whom that is.

    Raises:
        NotFoundError: there is none of this name. SettingsError: it has no URL, or its rules are wrong.
    """
    section = config.get("argocd") or {}
    instances = list(_configured(section))
    found = next((one for one in instances if one.get("name") == name), None)
    if found is None:
        known = ", ".join(str(one.get("name")) for one in instances) or "none"
        raise NotFoundError(f"Unable to find Argo instance named '{name}' in '{KEY}'; it has: {known}")
    url = found.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise SettingsError(KEY, f"the instance '{name}' needs a 'url' that begins with https:// or http://")
    lists = section.get("projectSettings") or {}
    return Instance(
        name,
        url.rstrip("/"),
        token or found.get("token"),
        found.get("username") or section.get("username"),
        found.get("password") or section.get("password"),
        {key: lists[key] for key in _PROJECT_LISTS if key in lists},
        _rules(found.get("allow"), f"{KEY}: the instance '{name}'"),
        has_own_token=token is not None,
    )


def _configured(section: Mapping[str, Json]) -> Iterator[JsonObject]:
    for method in section.get("appLocatorMethods") or ():
        if method.get("type") == "config":
            yield from method.get("instances") or ()


def _rules(value: Json, key: str) -> tuple[Rule, ...] | None:
    if value is None:
        return None
    return tuple(
        Rule(
            rule_owners(one, at), texts(one, "sources", at), texts(one, "projects", at) or (),
            texts(one, "namespaces", at),
        )
        for at, one in rules(value, f"{key}.allow", _FIELDS)
    )  # fmt: skip
