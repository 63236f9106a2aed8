"""A certificate that the service signs itself, for development: ``backend.https: true``."""

import contextlib
import datetime as dt
import ipaddress
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_log = structlog.get_logger(__name__)
_DAYS = 30
_RENEWED_BEFORE = dt.timedelta(days=5)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def pair(file: Path, host: str) -> tuple[str, str]:
    """Return certificate and key in PEM, those of the file while they last for five days more.

    Args:
        file: where they are kept, for browsers that were told to trust them.
        host: that clients call, besides this machine's own names.
    """
    with contextlib.suppress(OSError, ValueError):
        text = file.read_text(encoding="utf-8")
        found = x509.load_pem_x509_certificate(text.encode())
        if found.not_valid_after_utc - dt.datetime.now(dt.UTC) > _RENEWED_BEFORE and host in _names(found):
            return text, text
    certificate, key = _signed(dict.fromkeys((*_LOOPBACK, host)))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(0o600)
    file.write_text(certificate + key, encoding="utf-8")
    _log.info("certificate_generated", file=str(file))
    return certificate, key


def _signed(hosts: dict[str, None]) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backstage-py dev")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(minutes=5)).not_valid_after(now + dt.timedelta(days=_DAYS))
    builder = builder.add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, form, bare)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), text.decode()


def _name(host: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _names(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(one.value) for one in found}
