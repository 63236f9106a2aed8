"""Argo CD's REST API; what it refuses becomes ours in ``_foreign_errors``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from backstage_py import errors
from backstage_py.errors import ConflictError, NotFoundError, SettingsError
from backstage_py.integrations.web.http import Answer, HttpClient, listed_hosts
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

_KEY = "argocd.appLocatorMethods"
_LOCAL_CLUSTER = "https://kubernetes.default.svc"
_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_PROJECT_LISTS = (
    "clusterResourceBlacklist",
    "clusterResourceWhitelist",
    "namespaceResourceBlacklist",
    "namespaceResourceWhitelist",
)
_SYNC_POLICY = {
    "automated": {"allowEmpty": True, "prune": True, "selfHeal": True},
    "retry": {"backoff": {"duration": "5s", "factor": 2, "maxDuration": "5m"}, "limit": 10},
    "syncOptions": ["CreateNamespace=false", "FailOnSharedResource=true"],
}
"""What Roadie's action gives to every application; templates in the field rely on it."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An Argo CD of the configuration; ``project_lists`` are the allow and deny lists that new projects get."""

    name: str
    url: str
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    project_lists: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What is to be deployed; ``namespace`` is the one that is deployed to."""

    name: str
    project: str
    namespace: str
    repo_url: str
    path: str
    label: str


def find(config: Mapping[str, Json], name: str) -> Instance:
    """Return an instance of ``argocd.appLocatorMethods``.

    Raises:
        NotFoundError: there is none of this name. SettingsError: it has no URL.
    """
    section = config.get("argocd") or {}
    instances = [
        one
        for method in section.get("appLocatorMethods") or ()
        if method.get("type") == "config"
        for one in method.get("instances") or ()
    ]
    found = next((one for one in instances if one.get("name") == name), None)
    if found is None:
        known = ", ".join(str(one.get("name")) for one in instances) or "none"
        raise NotFoundError(f"Unable to find Argo instance named '{name}' in '{_KEY}'; it has: {known}")
    url = found.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise SettingsError(_KEY, f"the instance '{name}' needs a 'url' that begins with https:// or http://")
    lists = section.get("projectSettings") or {}
    return Instance(
        name,
        url.rstrip("/"),
        found.get("token"),
        found.get("username") or section.get("username"),
        found.get("password") or section.get("password"),
        {key: lists[key] for key in _PROJECT_LISTS if key in lists},
    )


async def create(instance: Instance, application: Application, *, with_project: bool) -> None:
    """Create an application, and before it the project if wanted. What is there already and equal is no error.

    Raises:
        ConflictError: there is one of this name that differs. AuthenticationError, NotAllowedError, NotFoundError,
        InputError, ServiceUnavailableError, ForeignError; SettingsError: there are no credentials.
    """
    async with HttpClient(listed_hosts([urlsplit(instance.url).netloc])) as http:
        caller = _Caller(http, instance, await _token(http, instance))
        if with_project:
            await caller.post("/api/v1/projects", {"project": _project(instance, application)}, "project")
        await caller.post("/api/v1/applications", _payload(application), "application")


async def put(instance: Instance, application: JsonObject, project: JsonObject | None) -> None:
    """Create an application as it is written, and before it a project, which stays as it is when it is there.

    Args:
        instance: where.
        application: with ``metadata`` and ``spec``.
        project: the same.

    Raises:
        ConflictError: there is one of this name that differs. The same as of ``create``.
    """
    async with HttpClient(listed_hosts([urlsplit(instance.url).netloc])) as http:
        caller = _Caller(http, instance, await _token(http, instance))
        if project:
            with suppress(ConflictError):
                await caller.post("/api/v1/projects", {"project": project}, "project")
        await caller.post("/api/v1/applications", application, "application")


@dataclass(frozen=True, slots=True)
class _Caller:
    http: HttpClient
    instance: Instance
    token: str | None = field(default=None, repr=False)

    async def post(self, path: str, body: JsonObject, what: str) -> Json:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.instance.url}{path}"
        answer = await self.http.request("POST", url, headers=headers, body=json.dumps(body))
        with _foreign_errors(self.instance, what):
            return _accepted(answer)


async def _token(http: HttpClient, instance: Instance) -> str:
    if instance.token:
        return instance.token
    if not (instance.username and instance.password):
        raise SettingsError(_KEY, f"the instance '{instance.name}' needs a 'token', or 'username' and 'password'")
    credentials = {"username": instance.username, "password": instance.password}
    session = await _Caller(http, instance).post("/api/v1/session", credentials, "session")
    return str(session["token"])


class _RefusedError(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _accepted(answer: Answer) -> Json:
    if not answer.ok:
        raise _RefusedError(answer)
    return answer.json()


@contextmanager
def _foreign_errors(instance: Instance, what: str) -> Iterator[None]:
    """Raise a refusal as our error, with Argo CD's own words."""
    try:
        yield
    except _RefusedError as refused:
        answer = refused.answer
        words = _error_message(answer)
        if "spec is different" in words:
            raise ConflictError(
                f"Argo CD '{instance.name}' has another {what} of this name; choose a different name or remove it"
            ) from refused
        message = f"Argo CD '{instance.name}' refused the {what}: {words or answer.reason}"
        raise errors.of_status(answer.status, message) from refused


def _error_message(answer: Answer) -> str:
    try:
        return str(json.parse(answer.body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} {answer.reason}"


def _project(instance: Instance, application: Application) -> JsonObject:
    destination = {"name": "local", "namespace": application.namespace, "server": _LOCAL_CLUSTER}
    return {
        "metadata": {"name": application.project, "finalizers": [_FINALIZER]},
        "spec": {"destinations": [destination], **instance.project_lists, "sourceRepos": [application.repo_url]},
    }


def _payload(application: Application) -> JsonObject:
    return {
        "metadata": {
            "name": application.name,
            "labels": {"backstage-name": application.label},
            "finalizers": [_FINALIZER],
        },
        "spec": {
            "destination": {"namespace": application.namespace, "server": _LOCAL_CLUSTER},
            "project": application.project,
            "revisionHistoryLimit": 10,
            "source": {"path": application.path, "repoURL": application.repo_url},
            "syncPolicy": _SYNC_POLICY,
        },
    }
