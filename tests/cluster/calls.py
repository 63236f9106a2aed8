"""Plain calls of a Kubernetes API, for what a test prepares and looks at without the code that it tries."""

import json
from collections.abc import Iterator
from typing import Any

from kubernetes import client, config
from kubernetes.client import ApiException
from kubernetes.dynamic import DynamicClient

from tests import patience

__all__ = ["Api", "ApiException"]
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class Api:
    """An API server, called with what a kubeconfig says; answers are JSON, refusals an ``ApiException``."""

    def __init__(self, kubeconfig: dict[str, Any]) -> None:
        connect: Any = config.new_client_from_config_dict
        dynamic: Any = DynamicClient
        self.client: client.ApiClient = connect(kubeconfig)
        self._dynamic: Any = dynamic(self.client, discoverer=lambda *_: None)

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def items(self, path: str) -> list[Any]:
        """Return what a list holds."""
        found: list[Any] = self.get(path)["items"]
        return found

    def find(self, path: str) -> Any:
        """Return an object, None when there is none."""
        try:
            return self.get(path)
        except ApiException as error:
            if error.status != 404:
                raise
            return None

    def post(self, path: str, body: Any) -> Any:
        return self._call("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self._call("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """Merge into an object; ``path`` may end in ``/status``."""
        return self._call("PATCH", path, body, _MERGE)

    def apply(self, path: str, body: Any, manager: str) -> Any:
        """Apply an object on the server's side, as a controller does."""
        return self._call("PATCH", f"{path}?fieldManager={manager}&force=true", body, _APPLY)

    def delete(self, path: str) -> None:
        """Delete an object, if it is there."""
        try:
            self._call("DELETE", path)
        except ApiException as error:
            if error.status != 404:
                raise

    def watch(self, path: str, seconds: int, after: str = "") -> Iterator[Any]:
        """Yield the events of a list behind a version of it, or beginning with one for each object that is there."""
        query = [("watch", "true"), ("timeoutSeconds", str(seconds)), *([("resourceVersion", after)] if after else [])]
        answer = self._dynamic.request(
            "GET", path, query_params=query, serialize=False, _request_timeout=seconds + 10.0
        )
        try:
            rest = b""
            for part in answer.stream(amt=None):
                *lines, rest = (rest + part).split(b"\n")
                yield from map(json.loads, lines)
        finally:
            answer.close()

    def text(self, path: str) -> str:
        """Return what is no JSON, as the log of a pod."""
        answer = self._dynamic.request("GET", path, serialize=False, _request_timeout=patience.SECONDS)
        return str(answer.data.decode())

    def _call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        answer = self._dynamic.request(
            method, path, body=body, content_type=content_type, serialize=False, _request_timeout=patience.SECONDS
        )
        return json.loads(answer.data)
