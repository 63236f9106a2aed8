"""A real Kubernetes API server with its etcd, on loopback, from the folder KUBEBUILDER_ASSETS, as for envtest."""

import base64
import os
import secrets
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests import patience
from tests.cluster.calls import Api
from tests.contract.harness import free_port

ROOT = Path(__file__).parents[2]
EVERYTHING = {"namespaces": ["*"], "kinds": ["*"], "clusterKinds": ["*"]}
_MADE_AT_START = (
    *(f"/api/v1/namespaces/{name}" for name in ("default", "kube-system", "kube-public", "kube-node-lease")),
    "/api/v1/namespaces/default/services/kubernetes",
)
"""What an API server makes by itself on a new store, some of it behind its own word that it is ready."""


@dataclass(frozen=True)
class KubeServer:
    """Its address, its certificate in PEM, and the tokens of an administrator and of somebody without rights."""

    url: str
    certificate: str
    admin: str
    nobody: str

    @property
    def api(self) -> Api:
        """The server as its administrator sees it, without the code under test."""
        cluster = {"server": self.url, "certificate-authority-data": self.entry()["caData"]}
        return Api(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": {"token": self.admin}}],
            }
        )

    def entry(self, name: str = "dev", token: str | None = None) -> dict[str, Any]:
        """The server as an entry of ``kubernetes.clusterLocatorMethods``."""
        ca = base64.b64encode(self.certificate.encode()).decode()
        return {
            "name": name,
            "url": self.url,
            "authProvider": "serviceAccount",
            "serviceAccountToken": token or self.admin,
            "caData": ca,
            "allow": [EVERYTHING],
        }


def assets() -> Path:
    """The folder with ``kube-apiserver`` and ``etcd``; skips when there is none."""
    folder = Path(os.environ.get("KUBEBUILDER_ASSETS") or ROOT / ".dev" / "kubebuilder")
    missing = [name for name in ("kube-apiserver", "etcd") if not os.access(folder / name, os.X_OK)]
    if missing:
        pytest.skip(f"{' and '.join(missing)} in the folder KUBEBUILDER_ASSETS")
    return folder


@contextmanager
def serve(folder: Path) -> Iterator[KubeServer]:
    """Run both until the block is left; ``folder`` holds their data."""
    with parts(folder) as running:
        yield running.server


@contextmanager
def parts(folder: Path) -> "Iterator[Parts]":
    """Run both as ``serve`` does, for a test that ends and starts the API server."""
    binaries = assets()
    client, peer, secure = (free_port() for _ in range(3))
    server = KubeServer(f"https://127.0.0.1:{secure}", "", secrets.token_hex(16), secrets.token_hex(16))
    _write_secrets(folder, server)
    running = Parts(server, folder, _api_server(binaries, folder, client, secure))
    try:
        running.run(_etcd(binaries, folder, client, peer))
        running.start_api()
        running.server = replace(server, certificate=(folder / "apiserver.crt").read_text())
        yield running
    finally:
        for process in reversed(running.processes):
            process.kill()
            process.wait()


@dataclass
class Parts:
    """The processes of a server."""

    server: KubeServer
    folder: Path
    api: list[str]
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def run(self, command: list[str]) -> None:
        with (self.folder / f"{Path(command[0]).name}.log").open("ab") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder))

    def start_api(self) -> None:
        """Start the API server, and wait until it is ready and has what tests rely on."""
        self.run(self.api)
        _wait(self.server, self.processes, self.folder)

    def kill_api(self) -> None:
        """End the API server in the middle of what it does; what it stored stays."""
        process = self.processes.pop()
        process.kill()
        process.wait()


def _write_secrets(folder: Path, server: KubeServer) -> None:
    users = f'{server.admin},admin,1,"system:masters"\n{server.nobody},nobody,2\n'
    (folder / "tokens.csv").write_text(users)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / "sa.key").write_bytes(pem)


def _etcd(binaries: Path, folder: Path, client: int, peer: int) -> list[str]:
    return [
        str(binaries / "etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]


def _api_server(binaries: Path, folder: Path, etcd: int, port: int) -> list[str]:
    return [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        f"--service-account-key-file={folder / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
    ]


def _wait(server: KubeServer, processes: list[subprocess.Popen[bytes]], folder: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    awaited = ["/readyz", *_MADE_AT_START]
    give_up = time.monotonic() + patience.SECONDS
    while time.monotonic() < give_up and all(process.poll() is None for process in processes):
        while awaited and _answers(opener, server, awaited[0]):
            del awaited[0]
        if not awaited:
            return
        time.sleep(0.2)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
    raise RuntimeError(f"the Kubernetes API server did not start, it lacks {awaited}:\n{logs}")


def _answers(opener: urllib.request.OpenerDirector, server: KubeServer, path: str) -> bool:
    """Say whether the server has what stands at a path."""
    headers = {"Authorization": f"Bearer {server.admin}"}
    try:
        with opener.open(urllib.request.Request(f"{server.url}{path}", headers=headers), timeout=5):
            return True
    except (urllib.error.URLError, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        return False
