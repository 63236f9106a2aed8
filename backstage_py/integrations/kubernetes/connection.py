"""An open connection to a cluster through the official client, blocking; its errors become ours in one place."""

import asyncio
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backstage_py import errors, threads
from backstage_py.errors import BackstageError, ServiceUnavailableError
from backstage_py.integrations.kubernetes.clusters import Cluster
from backstage_py.integrations.web.http import header_token
from backstage_py.model import excerpt, json
from backstage_py.model.json import Json, JsonObject

if TYPE_CHECKING:
    from kubernetes import client

_SECONDS = 30.0
_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')
_UNKNOWN_CALLER = 401
_LATER = (429, 503, 504)  # it is starting, stopping or too busy
PAGE = 500
"""Objects of a list that are asked for at a time."""
_LARGEST_LINE = 16 * 1024 * 1024
Query = Sequence[tuple[str, str]]


class NoAnswerError(ServiceUnavailableError):
    """The API server cannot be reached, broke off, or has no time: asking again may help."""


class Connection:
    """A cluster that is called with its own credentials. Usable from several threads; close it at the end."""

    def __init__(self, cluster: Cluster) -> None:
        from kubernetes import client
        from kubernetes.dynamic import DynamicClient

        self.cluster = cluster
        with ExitStack() as opened, foreign_errors(cluster):
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="backstage-kubernetes-"))
            api = opened.enter_context(client.ApiClient(_configuration(cluster, Path(folder))))
            connect: Any = DynamicClient  # it publishes no types
            self._dynamic: Any = connect(api, discoverer=_NoDiscovery)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close what is open, and remove the files of the credentials."""
        self._opened.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Json = None,
        content_type: str = "application/json",
        warned: list[str] | None = None,
    ) -> JsonObject:
        """Call the API and return what it answers. ``path`` begins below the cluster's URL; its parts are escaped.

        ``warned`` takes what the API server and its admission warn of.

        Raises:
            BackstageError: as ``foreign_errors`` says.
        """
        with foreign_errors(self.cluster):
            answer = self._send(method, path, query, _SECONDS, body, content_type)
            found: JsonObject = json.parse(answer.data)
        if warned is not None:
            warned[:] = _warnings(answer.headers.getlist("Warning"))
        return found

    def text(self, path: str, query: Query = ()) -> str:
        """Return what is no JSON, such as the log of a pod."""
        with foreign_errors(self.cluster):
            content: bytes = self._send("GET", path, query, _SECONDS).data
        return content.decode("utf-8", "replace")

    def first_events(self, path: str, query: Query, seconds: int) -> list[JsonObject]:
        """Wait for the first change of a watched list and return what came at once; empty when there was none."""
        told = [*query, ("watch", "true"), ("timeoutSeconds", str(seconds))]
        with foreign_errors(self.cluster):
            answer = self._send("GET", path, told, seconds + 10.0)
            try:
                return _first_lines(answer)
            finally:
                answer.close()

    def events(self, path: str, query: Query, seconds: int, reads: Callable[[Any], None]) -> Iterator[JsonObject]:
        """Yield the changes of a watched list as they come, for so long; ``reads`` gets what they are read from."""
        told = [*query, ("watch", "true"), ("timeoutSeconds", str(seconds))]
        with foreign_errors(self.cluster):
            answer = self._send("GET", path, told, seconds + 10.0)
            try:
                reads(answer)
                yield from _lines(answer)
            finally:
                answer.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        seconds: float,
        body: Json = None,
        content_type: str = "application/json",
    ) -> Any:
        return self._dynamic.request(
            method,
            path,
            body=body,
            query_params=list(query),
            content_type=content_type,
            serialize=False,
            _request_timeout=seconds,
        )


def _warnings(headers: Sequence[str]) -> list[str]:
    """Return the texts of ``Warning`` headers (RFC 7234, 5.5), which a server may join with commas."""
    quoted = [found[1] for one in headers for found in _WARNING.finditer(one)]
    return [re.sub(r"\\(.)", r"\1", text) for text in quoted]


def _lines(answer: Any) -> Iterator[JsonObject]:
    rest = b""
    for part in answer.stream(amt=None):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line:
                yield json.parse(line)
        if len(rest) > _LARGEST_LINE:
            break


def _first_lines(answer: Any) -> list[JsonObject]:
    rest = b""
    for part in answer.stream(amt=None):
        *lines, rest = (rest + part).split(b"\n")
        if lines:
            return [json.parse(line) for line in lines if line]
        if len(rest) > _LARGEST_LINE:
            break
    return []


class _NoDiscovery:
    """In place of the client's own, which asks for all groups and keeps what it learns in a folder that all share."""

    def __init__(self, *_: object) -> None:
        pass


def _configuration(cluster: Cluster, folder: Path) -> "client.Configuration":
    from kubernetes import client

    configuration = client.Configuration()
    if cluster.kubeconfig:
        _run_plugin(cluster, configuration)
    configuration.host = cluster.url
    configuration.verify_ssl = cluster.verify
    configuration.retries = False
    for name, content in (("ssl_ca_cert", cluster.ca), ("cert_file", cluster.certificate), ("key_file", cluster.key)):
        if content:
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(content)
            setattr(configuration, name, str(path))
    if cluster.token:
        configuration.api_key = {"authorization": f"Bearer {header_token(cluster.token)}"}
    return configuration


def _run_plugin(cluster: Cluster, configuration: "client.Configuration") -> None:
    """Have the official client run the exec plugin of a kubeconfig, which the operator allowed."""
    from kubernetes.config.kube_config import KubeConfigLoader

    load: Any = KubeConfigLoader  # it publishes no types
    load(cluster.kubeconfig, active_context=cluster.name).load_and_set(configuration)


async def opened(open_: Callable[[], Connection]) -> Connection:
    """Open a connection off the event loop; one that comes when nobody waits any more is closed where it was opened."""
    opening = _Opening(open_)
    try:
        return await threads.remote_call("kubernetes", opening.run)
    except asyncio.CancelledError:
        opening.drop()
        raise


class _Opening:
    """What is opened in one thread for another, which may stop waiting for it at any moment."""

    def __init__(self, open_: Callable[[], Connection]) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._is_wanted = True

    def run(self) -> Connection:
        connection = self._open()
        with self._lock:
            self._connection = connection
            is_wanted = self._is_wanted
        if not is_wanted:
            connection.close()
        return connection

    def drop(self) -> None:
        with self._lock:
            self._is_wanted = False
            connection = self._connection
        if connection:
            connection.close()


def pages(connection: Connection, path: str, query: Query = ()) -> Iterator[JsonObject]:
    """Yield a list page by page, so that one of any length is bounded; errors as for ``Connection.call``."""
    rest = ""
    while True:
        asked = [*query, ("limit", str(PAGE)), *([("continue", rest)] if rest else [])]
        page = connection.call("GET", path, query=asked)
        yield page
        rest = page["metadata"].get("continue") or ""
        if not rest:
            return


@contextmanager
def foreign_errors(cluster: Cluster) -> Iterator[None]:
    """Raise the client's and its transport's errors as ours, with the cluster's own words.

    Raises:
        NoAnswerError: there was none. InputError, AuthenticationError, NotAllowedError, NotFoundError, ConflictError,
        ServiceUnavailableError, ForeignError: by the status that the API server answered.
    """
    from kubernetes.client import ApiException
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if not error.status:  # the client's way to say that there was no answer
            raise _no_answer(cluster, str(error.reason).replace("\n", ": ")) from error
        message = _error_message(error.body) or f"{error.status} {error.reason}"
        if error.status in _LATER:
            late = _no_answer(cluster, message)
            late.is_refusal = errors.is_refusal(error.status)
            raise late from error
        if error.status == _UNKNOWN_CALLER:
            message = (
                f"The cluster '{cluster.name}' does not know who asks ({message}): its token or certificate has "
                "expired, or is not of this cluster; renew it in "
                "'kubernetes.clusterLocatorMethods', or the step's 'token'"
            )
        raise errors.of_status(error.status, message) from error
    except ConfigException as error:
        raise ServiceUnavailableError(f"The credentials for the cluster '{cluster.name}' fail: {error}") from error
    except (HTTPError, OSError) as error:
        raise _no_answer(cluster, str(error)) from error


def _no_answer(cluster: Cluster, why: str) -> NoAnswerError:
    return NoAnswerError(f"The cluster '{cluster.name}' does not answer: {why}")


def _error_message(body: Json) -> str:
    try:
        message = json.parse(body)["message"]
    except (ValueError, TypeError, KeyError):
        return excerpt.beginning(str(body or "").strip(), 1_000)
    return str(message)


def status_of(error: BackstageError) -> JsonObject:
    """Return the ``Status`` with which an API server refused, ``{}`` when it did not send one."""
    cause: BaseException | None = error
    while cause is not None:
        body = getattr(cause, "body", None)
        if body:
            try:
                parsed = json.parse(body)
            except (ValueError, TypeError):
                return {}
            return parsed if isinstance(parsed, dict) else {}
        cause = cause.__cause__
    return {}
