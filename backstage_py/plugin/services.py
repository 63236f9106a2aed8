"""What an action may ask the service for, as protocols: the implementations are wired in ``backstage_py.wiring``.

A third party's action uses the same services as the built-in ones, and a test gives it fakes of the same shape.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from backstage_py.errors import NotImplementedInBackendError
from backstage_py.integrations.origins import Origin
from backstage_py.model.http import BackstageResponse, UrlContent
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration

if TYPE_CHECKING:
    from backstage_py.plugin.action import Action

T = TypeVar("T")

__all__ = [
    "BackstageClient",
    "BackstageResponse",
    "CatalogClient",
    "RemoteActions",
    "ScmIntegrations",
    "Services",
    "UrlContent",
    "UrlReader",
    "required",
]


class UrlReader(Protocol):
    """Reads files and trees by URL, as configured by ``integrations`` and ``backend.reading.allow``.

    URLs are those of the browser, as ``https://github.com/acme/web/blob/main/catalog-info.yaml``. ``etag`` is what an
    earlier read gave; ``token`` is used in place of the configured one.
    """

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
        """Return a file, or None when ``etag`` is given and the content has not changed.

        Raises:
            NotFoundError: there is no such file. NotAllowedError: the host may not be read. ForeignError.
        """

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        """Write the folder at ``url`` into ``target`` and return its etag; None when ``etag`` still holds.

        Every member is contained in ``target``; links that leave it are refused. Errors as for ``read``.
        """

    def resolve(self, url: str, base: str) -> str:
        """Return ``url`` as seen from the file at ``base``, in the URL style of the host (``blob``/``tree``).

        Raises:
            NotAllowedError: it leads out of the repository of ``base``. InputError: it is no URL.
        """

    def same_repository(self, url: str, base: str) -> bool:
        """Say whether the author of the file at ``base`` may have the one at ``url`` read, as one of their own.

        On git hosts both have to be in one repository; elsewhere of one origin, and below one path that
        ``backend.reading.allow`` names.
        """


class CatalogClient(Protocol):
    """The catalog, ours or another's, for one caller (``token`` is the caller's; None acts as the service).

    All methods raise NotAllowedError when the caller may not, and ServiceUnavailableError without an answer.
    """

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        """Return the entities in the order of ``refs``, None where there is none or it may not be seen."""

    async def add_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002
        """Register a location and return what ``POST /locations`` answers: ``{location, entities}``.

        Raises:
            ConflictError: it is registered already. NotFoundError: nothing can be read there.
        """

    async def preview_location(self, target: str, *, token: str | None, type: str = "url") -> JsonObject:  # noqa: A002
        """Return what ``POST /locations?dryRun=true`` answers: ``{exists, location, entities}``."""

    async def refresh(self, entity_ref: str, *, token: str | None) -> None:
        """Ask for an entity to be read again soon; ``entity_ref`` is complete, e.g. ``component:default/web``."""


class BackstageClient(Protocol):
    """HTTP to the plugins of the Backstage instance, found by discovery, with the caller's token."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        token: str | None,
        timeout: float,  # noqa: ASYNC109  # sent on to the HTTP client, which knows better when to stop
    ) -> BackstageResponse:
        """Send a request to ``/api/<plugin>/…`` or ``<plugin>/…``; ``timeout`` in seconds.

        Raises:
            NotAllowedError: ``path`` is a URL of a host that is not on ``scaffolder.http.allowedHosts``.
            ServiceUnavailableError: there is no answer, or none in time.
        """


class ScmIntegrations(Protocol):
    """The git hosts that are configured, Backstage's default ones included."""

    def by_host(self, host: str) -> ScmIntegration | None:
        """Return the integration of a host (with port, if it has one)."""

    def by_url(self, url: str) -> ScmIntegration | None:
        """Return the integration that serves a URL."""

    def all(self) -> Sequence[ScmIntegration]:
        """Return all, the configured ones first."""

    async def token(self, host: str, owner: str | None = None) -> str | None:
        """Return a token of the configuration for repositories of ``owner``; None when there is none.

        Raises:
            BackstageError: there is a GitHub App for it that cannot be used.
        """


class RemoteActions(Protocol):
    """The actions that plugins of a Backstage backend offer to others (``backend.actions.pluginSources``)."""

    async def list(self, *, token: str | None) -> "Sequence[Action]":
        """Return what a caller may use; a plugin that does not answer is reported and has none."""

    async def find(self, id: str, *, token: str | None) -> "Action | None":  # noqa: A002  # the word of templates
        """Return one of them."""


class SecretSession(Protocol):
    """Reads secrets of a vault for one run of a template; references are ``mount/path#key``."""

    async def check(self, reference: str) -> None:
        """Refuse a reference that the run's template may not read.

        Raises:
            InputError: it is no reference. NotAllowedError: the operator's rules do not allow it.
        """

    async def read(self, reference: str) -> str:
        """Return the value.

        Raises:
            InputError, NotAllowedError, NotFoundError, SettingsError, AuthenticationError, ServiceUnavailableError.
        """

    async def close(self) -> None:
        """Give back what was leased."""


class SecretReferences(Protocol):
    """Where ``vault()`` in a step's input reads."""

    def session(self, origin: "Callable[[bool], Awaitable[Origin]]") -> SecretSession:
        """Return what one run reads with; ``origin`` tells whose template it is, with its owners if they matter."""


@dataclass(frozen=True, slots=True)
class Services:
    """All that a context hands out; None is what this run does not have, as the command line has no catalog.

    ``ctx.catalog`` and its like raise NotImplementedInBackendError then; here you get the None.

    Attributes:
        config: the merged ``app-config.yaml`` with its own keys, secrets included; do not log it.
        secret_references: reads what ``vault()`` names; actions do not need it, their input has the values.
        own_token: returns a token with which this service itself, not a user, calls the plugin of an id.
        filters: what templates in skeletons may use besides the language's own, by name.
        globals: likewise; a value is JSON or a ``TemplateFunction``.
        global_descriptions: of the global values, by name.
    """

    url_reader: UrlReader | None = None
    catalog: CatalogClient | None = None
    integrations: ScmIntegrations | None = None
    backstage: BackstageClient | None = None
    config: Mapping[str, Json] | None = None
    remote_actions: RemoteActions | None = None
    own_token: Callable[[str], str] | None = None
    secret_references: SecretReferences | None = None
    filters: Mapping[str, Callable[..., Json]] = field(default_factory=dict)
    globals: Mapping[str, Json] = field(default_factory=dict)
    global_descriptions: Mapping[str, str] = field(default_factory=dict)


def required(service: T | None, name: str) -> T:
    """Return a service or say which one is missing.

    Raises:
        NotImplementedInBackendError: this run has no such service (e.g. the command line without a catalog).
    """
    if service is None:
        raise NotImplementedInBackendError(
            f"This run has no {name}; it is there when 'backstage-py serve' runs the task, and in a test that asks for "
            "its fake (backstage_py.testing)"
        )
    return service
