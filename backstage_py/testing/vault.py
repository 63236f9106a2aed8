"""A Vault with key-value engines of version 2, on loopback, for the client library that an action uses."""

from backstage_py.model.json import JsonObject
from backstage_py.testing.http_server import FakeHttp, Received, Reply


class FakeVault(FakeHttp):
    """Keeps secrets under ``<engine>/<path>``; requests without its token are refused.

    Attributes:
        secrets: the newest version of each secret.
    """

    token = "vault-token-of-the-test"  # noqa: S105  # of a fake

    def __init__(self, engine: str = "secret") -> None:
        super().__init__()
        self.secrets: dict[str, JsonObject] = {}
        self._versions: dict[str, int] = {}
        self._engine = engine
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            self.on(method, "/v1/*", self._guarded)

    @property
    def config(self) -> JsonObject:
        """The section of the configuration that leads actions here."""
        return {"vault": {"baseUrl": self.url, "token": self.token}}

    def _guarded(self, received: Received) -> Reply:
        if received.headers.get("x-vault-token") != self.token:
            return Reply({"errors": ["permission denied"]}, 403)
        path = received.path.removeprefix("/v1/")
        if path.startswith((f"sys/mounts/{self._engine}", f"sys/internal/ui/mounts/{self._engine}")):
            engine = {"type": "kv", "options": {"version": "2"}}
            return Reply({"data": {**engine, "path": f"{self._engine}/"}, **engine})
        prefix = f"{self._engine}/data/"
        if path.startswith(prefix):
            return self._secret(received, f"{self._engine}/{path.removeprefix(prefix)}")
        return Reply({"errors": []}, 404)

    def _secret(self, received: Received, name: str) -> Reply:
        version = self._versions.get(name, 0)
        if received.method == "GET":
            if name not in self.secrets:
                return Reply({"errors": []}, 404)
            return Reply({"data": {"data": self.secrets[name], "metadata": {"version": version}}})
        if received.method == "DELETE":
            self.secrets.pop(name, None)
            return Reply(b"", 204)
        given = received.json
        wanted = (given.get("options") or {}).get("cas")
        if wanted is not None and wanted != version:
            return Reply({"errors": ["check-and-set parameter did not match the current version"]}, 400)
        before = self.secrets.get(name, {}) if received.method == "PATCH" else {}
        self.secrets[name] = {**before, **given["data"]}
        self._versions[name] = version + 1
        return Reply({"data": {"version": version + 1}})
