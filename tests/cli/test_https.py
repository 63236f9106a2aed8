"""``backend.https``: real TLS, with a certificate that is swapped while the service answers."""

import contextlib
import http.client
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import patience
from tests.certificates import Authority
from tests.contract.harness import free_port

_HEALTH = "/.backstage/health/v1/readiness"


@dataclass(frozen=True)
class Site:
    """A service that is being started."""

    port: int
    log: Path

    def connection(self, trusted: bytes) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cadata=trusted.decode())
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=patience.SECONDS)

    def answers(self, trusted: bytes) -> bool:
        """Whether a new connection is trusted by an authority."""
        with contextlib.closing(self.connection(trusted)) as connection:
            try:
                return _status(connection) == 200
            except (OSError, http.client.HTTPException):
                return False

    def until(self, trusted: bytes) -> None:
        end = time.monotonic() + patience.SECONDS
        while not self.answers(trusted):
            assert time.monotonic() < end, self.log.read_text(encoding="utf-8")
            time.sleep(0.1)

    def until_said(self, text: str) -> None:
        end = time.monotonic() + patience.SECONDS
        while text not in self.log.read_text(encoding="utf-8"):
            assert time.monotonic() < end, self.log.read_text(encoding="utf-8")
            time.sleep(0.1)


def _status(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", _HEALTH)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@contextlib.contextmanager
def _serving(folder: Path, https: str) -> Iterator[Site]:
    port = free_port()
    (folder / "app-config.yaml").write_text(
        "backend:\n"
        f"  baseUrl: https://localhost:{port}\n"
        "  workingDirectory: ./work\n"
        "  database: {client: better-sqlite3, connection: ':memory:'}\n"
        f"  https: {https}\n",
        encoding="utf-8",
    )
    site = Site(port, folder / "service.log")
    command = [sys.executable, "-m", "backstage_py.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with site.log.open("wb") as output:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=env)
    try:
        yield site
    finally:
        process.kill()
        process.wait()


def _put(folder: Path, certificate: bytes | None, key: bytes | None) -> None:
    for name, content in (("tls.crt", certificate), ("tls.key", key)):
        if content is not None:
            (folder / f"{name}.new").write_bytes(content)
            (folder / f"{name}.new").replace(folder / name)


def test_a_certificate_is_swapped_while_the_service_answers(tmp_path: Path) -> None:
    first, second = Authority("first"), Authority("second")
    _put(tmp_path, *first.server("localhost"))
    https = "{certificate: {cert: {$file: tls.crt}, key: {$file: tls.key}}}"
    with _serving(tmp_path, https) as site:
        site.until(first.pem)
        assert not site.answers(second.pem)
        with contextlib.closing(site.connection(first.pem)) as kept:
            assert _status(kept) == 200
            certificate, key = second.server("localhost")
            _put(tmp_path, certificate, None)  # as while one of the two is written
            site.until_said("certificate_not_renewed")
            assert site.answers(first.pem)

            _put(tmp_path, None, key)
            site.until(second.pem)
            assert _status(kept) == 200
        assert not site.answers(first.pem)


def test_true_signs_a_certificate_that_is_kept_for_the_next_start(tmp_path: Path) -> None:
    pem = tmp_path / "work" / "dev-cert.pem"
    texts = []
    for _ in range(2):
        with _serving(tmp_path, "true") as site:
            site.until_said("service_started")
            assert site.answers(pem.read_bytes())
            texts.append(pem.read_bytes())
    assert texts[0] == texts[1]
    assert pem.stat().st_mode & 0o77 == 0


def test_a_pair_that_does_not_fit_is_said_at_the_start(tmp_path: Path) -> None:
    certificate, _ = Authority("one").server("localhost")
    _, key = Authority("other").server("localhost")
    _put(tmp_path, certificate, key)
    with _serving(tmp_path, "{certificate: {cert: {$file: tls.crt}, key: {$file: tls.key}}}") as site:
        site.until_said("backend.https.certificate': certificate and key cannot be used")
    assert key.decode().splitlines()[1] not in site.log.read_text(encoding="utf-8")
