"""``backend.https``: the certificate with which the service answers."""

from backstage_py.settings import kinds
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import HttpsSettings

_MISSING = "is missing; expected PEM, such as {$file: tls/tls."


def read(backend: Reader) -> HttpsSettings | None:
    """Read it; None is plain HTTP."""
    if not isinstance(backend.raw("https"), dict):
        return HttpsSettings() if backend.get("https", kinds.SWITCH) else None
    certificate = backend.section("https").section("certificate")
    cert, key = certificate.get("cert", kinds.TEXT), certificate.get("key", kinds.TEXT)
    if cert is None:
        certificate.fail("cert", f"{_MISSING}crt}}")
    if key is None:
        certificate.fail("key", f"{_MISSING}key}}")
    return HttpsSettings(cert, key)
