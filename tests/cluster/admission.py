"""An admission webhook for a test: it answers as the test says, such as Kyverno does when it blocks something."""

import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.cluster.calls import Api

_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
KYVERNO = "validate.kyverno.svc-fail"


def blocked(resource: str, policies: dict[str, dict[str, str]]) -> str:
    """Return the message with which Kyverno blocks ``Kind/namespace/name``: rules and their messages by policy."""
    lines = ["", "", f"resource {resource} was blocked due to the following policies ", ""]
    for policy, rules in policies.items():
        lines.append(f"{policy}:")
        lines += [f"  {rule}: '{message}'" for rule, message in rules.items()]
    return "\n".join(lines)


@contextlib.contextmanager
def webhook(
    api: Api,
    host: str,
    namespace: str,
    judge: Callable[[Any], str | None],
    folder: Path,
    *,
    name: str = KYVERNO,
    warn: Callable[[Any], list[str]] = lambda _: [],
) -> Iterator[None]:
    """Let ``judge`` decide what may be created or changed in a namespace; what it returns refuses an object.

    Args:
        api: the cluster.
        host: this machine's address, as the API server reaches it.
        namespace: whose objects are judged.
        judge: gets the object.
        folder: for the certificate.
        name: of the webhook, which the cluster's answer quotes.
        warn: returns what it warns of, as Kyverno's policies in audit mode do.
    """
    certificate, key = _certificate(host)
    (folder / "tls.pem").write_bytes(certificate + key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            refusal = judge(request["object"])
            response: dict[str, Any] = {"uid": request["uid"], "allowed": refusal is None}
            if warnings := warn(request["object"]):
                response["warnings"] = warnings
            if refusal is not None:
                response["status"] = {"message": refusal, "code": 400}
            review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"https://{host}:{server.server_address[1]}/"
    configuration = f"test-{namespace}"
    api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"judged": namespace}}})
    api.post(_CONFIGURATIONS, _configuration(configuration, name, namespace, url, certificate))
    try:
        yield
    finally:
        api.delete(f"{_CONFIGURATIONS}/{configuration}")
        server.shutdown()
        server.server_close()
        thread.join()


def _configuration(configuration: str, name: str, namespace: str, url: str, certificate: bytes) -> Any:
    rule = {"operations": ["CREATE", "UPDATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    hook = {
        "name": name,
        "clientConfig": {"url": url, "caBundle": b64encode(certificate).decode()},
        "rules": [{**rule, "scope": "Namespaced"}],
        "namespaceSelector": {"matchLabels": {"judged": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    return {**kind, "metadata": {"name": configuration}, "webhooks": [hook]}


def _certificate(host: str) -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return made.public_bytes(pem), key.private_bytes(pem, *plain)
