"""The calls of Argo CD's REST API; what it refuses becomes ours in ``foreign_errors``."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from backstage_py import errors
from backstage_py.errors import ConflictError, NotFoundError, SettingsError
from backstage_py.integrations.argocd.instances import KEY, Instance
from backstage_py.integrations.web.http import Answer, HttpClient, listed_hosts
from backstage_py.model import json, web_url
from backstage_py.model.json import Json, JsonObject

_LOCAL_CLUSTER = "https://kubernetes.default.svc"
_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_SYNC_POLICY = {
    "automated": {"allowEmpty": True, "prune": True, "selfHeal": True},
    "retry": {"backoff": {"duration": "5s", "factor": 2, "maxDuration": "5m"}, "limit": 10},
    "syncOptions": ["CreateNamespace=false", "FailOnSharedResource=true"],
}
"""What Roadie's action gives to every application; templates in the field rely on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What is to be deployed; ``namespace`` is the one that is deployed to."""

    name: str
    project: str
    namespace: str
    repo_url: str
    path: str
    label: str


async def create(instance: Instance, application: Application, *, with_project: bool) -> None:
    """Create an application, and before it the project if wanted. What is there already and equal is no error.

    Raises:
        ConflictError: there is one of this name that differs. AuthenticationError, NotAllowedError, NotFoundError,
        InputError, ServiceUnavailableError, ForeignError; SettingsError: there are no credentials.
    """
    async with opened(instance) as caller:
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
    async with opened(instance) as caller:
        if project:
            with suppress(ConflictError):
                await caller.post("/api/v1/projects", {"project": project}, "project")
        await caller.post("/api/v1/applications", application, "application")


@dataclass(frozen=True, slots=True)
class Caller:
    """An instance that is called with its credentials. All methods raise what ``foreign_errors`` makes of a refusal."""

    http: HttpClient
    instance: Instance
    token: str | None = field(default=None, repr=False)

    async def application(
        self, name: str, namespace: str, project: str | None = None, *, refresh: bool = False
    ) -> JsonObject | None:
        """Return an Application; None when there is none, which Argo CD says only of a named project or to some.

        Args:
            name: its name.
            namespace: in which Argo CD finds it.
            project: its project, if it is known.
            refresh: have its repository looked at first.
        """
        query = _query(namespace, project) | ({"refresh": "normal"} if refresh else {})
        try:
            found: JsonObject = await self.call("GET", _path(name), query=query)
        except NotFoundError:
            return None
        return {**found, "apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}

    async def sync(self, name: str, namespace: str, operation: JsonObject) -> None:
        """Ask for a sync, as ``applications.operation`` writes it. Raises InputError: another one runs."""
        sync = operation["sync"]
        body = {"name": name, "appNamespace": namespace, "prune": sync["prune"], "infos": operation["info"]}
        body |= {"revision": sync["revision"]} if sync.get("revision") else {}
        body |= {"syncOptions": {"items": sync["syncOptions"]}} if sync.get("syncOptions") else {}
        await self.call("POST", f"{_path(name)}/sync", body)

    async def delete(self, name: str, namespace: str, project: str, *, cascade: bool) -> bool:
        """Have an Application go, with what it deployed or without; False when it was gone."""
        query = _query(namespace, project) | {"cascade": "true" if cascade else "false"}
        query |= {"propagationPolicy": "foreground"} if cascade else {}
        try:
            await self.call("DELETE", _path(name), query=query)
        except NotFoundError:
            return False
        return True

    async def post(self, path: str, body: JsonObject, what: str) -> Json:
        """Have something made."""
        return await self.call("POST", path, body, what=what)

    async def call(
        self,
        method: str,
        path: str,
        body: JsonObject | None = None,
        *,
        query: Mapping[str, str] | None = None,
        what: str = "application",
    ) -> Json:
        """Call the API and return what it answers."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.instance.url}{path}" + (f"?{urlencode(query)}" if query else "")
        sent = None if body is None else json.dumps(body)
        answer = await self.http.request(method, url, headers=headers, body=sent)
        with foreign_errors(self.instance, what):
            return _accepted(answer)


@asynccontextmanager
async def opened(instance: Instance) -> AsyncIterator[Caller]:
    """Open an instance, with a session where it has no token. Raises SettingsError: there are no credentials."""
    async with HttpClient(listed_hosts([urlsplit(instance.url).netloc])) as http:
        yield Caller(http, instance, await _token(http, instance))


def _path(name: str) -> str:
    return f"/api/v1/applications/{web_url.segment(name)}"


def _query(namespace: str, project: str | None) -> dict[str, str]:
    return {"appNamespace": namespace} | ({"project": project} if project else {})


async def _token(http: HttpClient, instance: Instance) -> str:
    if instance.token:
        return instance.token
    if not (instance.username and instance.password):
        raise SettingsError(KEY, f"the instance '{instance.name}' needs a 'token', or 'username' and 'password'")
    credentials = {"username": instance.username, "password": instance.password}
    session = await Caller(http, instance).post("/api/v1/session", credentials, "session")
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
def foreign_errors(instance: Instance, what: str) -> Iterator[None]:
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
