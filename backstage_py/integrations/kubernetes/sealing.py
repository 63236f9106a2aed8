"""Sealed Secrets, in the format that their controller publishes: only its private key opens them.

A value is encrypted with AES-256-GCM under a key of its own and a nonce of zeros; that key is encrypted with RSA-OAEP
and SHA-256 for the controller. The label of the latter is where the secret may be opened, as its scope says.
"""

import base64
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum

from backstage_py.errors import InputError
from backstage_py.model.json import JsonObject

API_VERSION, KIND = "bitnami.com/v1alpha1", "SealedSecret"
_ANNOTATION = "sealedsecrets.bitnami.com"
_KEY_BYTES, _NONCE = 32, bytes(12)
_LENGTH_BYTES = 2


class Scope(Enum):
    """Where a sealed secret can be opened: under its name, anywhere in its namespace, or anywhere."""

    STRICT = "strict"
    NAMESPACE = "namespace-wide"
    CLUSTER = "cluster-wide"


class Sealer:
    """Seals for the controller whose certificate is given, in PEM.

    Raises:
        InputError: it is none, has no RSA key, or is not valid now.
    """

    def __init__(self, certificate: str, now: datetime | None = None) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import rsa

        try:
            read = x509.load_pem_x509_certificate(certificate.encode())
        except ValueError as error:
            raise InputError("The certificate of the Sealed Secrets controller is no certificate in PEM") from error
        key = read.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise InputError("The certificate of the Sealed Secrets controller has no RSA key")
        moment = now or datetime.now(UTC)
        if not read.not_valid_before_utc <= moment <= read.not_valid_after_utc:
            raise InputError(
                f"The certificate of the Sealed Secrets controller is valid from {read.not_valid_before_utc:%Y-%m-%d} "
                f"to {read.not_valid_after_utc:%Y-%m-%d}; get its newest with 'kubeseal --fetch-cert'"
            )
        self._key = key

    def seal(self, value: bytes, label: str) -> str:
        """Return a value of ``encryptedData``."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        session = os.urandom(_KEY_BYTES)
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label.encode())
        wrapped = self._key.encrypt(session, oaep)
        sealed = AESGCM(session).encrypt(_NONCE, value, None)  # the key is used once, so the nonce need not differ
        return base64.b64encode(len(wrapped).to_bytes(_LENGTH_BYTES, "big") + wrapped + sealed).decode()


def label(scope: Scope, namespace: str, name: str) -> str:
    """Return what binds a sealed value to its place."""
    return {Scope.STRICT: f"{namespace}/{name}", Scope.NAMESPACE: namespace, Scope.CLUSTER: ""}[scope]


def sealed_secret(
    sealer: Sealer,
    namespace: str,
    name: str,
    values: Mapping[str, str],
    *,
    scope: Scope,
    type_: str,
    labels: JsonObject,
) -> JsonObject:
    """Return the object that the controller makes a Secret of."""
    bound = label(scope, namespace, name)
    annotations = {} if scope is Scope.STRICT else {f"{_ANNOTATION}/{scope.value}": "true"}
    metadata: JsonObject = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata,
        "spec": {
            "encryptedData": {key: sealer.seal(value.encode(), bound) for key, value in values.items()},
            "template": {"metadata": {**metadata, **({"labels": labels} if labels else {})}, "type": type_},
        },
    }
