"""TLS: the certificate that is configured, taken anew while the service answers, or one that it signs itself."""

import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from backstage_py import background, threads
from backstage_py.errors import BackstageError, SettingsError
from backstage_py.settings import changes
from backstage_py.settings.sections import BackendSettings, HttpsSettings

_log = structlog.get_logger(__name__)
_KEY = "backend.https.certificate"

Reread = Callable[[], HttpsSettings | None]


class Certificate:
    """What a server presents; connections that are open keep what they were given.

    Args:
        settings: with ``backend.https``.

    Raises:
        SettingsError: certificate and key do not fit each other, or are none.
    """

    def __init__(self, settings: BackendSettings, asked: HttpsSettings) -> None:
        self.context = _context()
        pem = _own(settings) if asked.certificate is None else (asked.certificate, asked.key or "")
        self._pem = pem
        try:
            _load(self.context, *pem)
        except (OSError, ValueError) as error:
            raise SettingsError(_KEY, f"certificate and key cannot be used ({error}); expected both in PEM") from error

    @asynccontextmanager
    async def renewed(self, files: Sequence[Path], reread: Reread) -> AsyncIterator[None]:
        """Take the certificate anew whenever one of the files has changed, until the block is left.

        A pair that does not fit, as while one of two files is written, changes nothing.

        Args:
            files: of the configuration, and those that it refers to.
            reread: reads the configuration again.
        """
        async with background.running(background.supervised("http.certificate", lambda: self._watch(files, reread))):
            yield

    async def _watch(self, files: Sequence[Path], reread: Reread) -> None:
        async for _ in changes.seen(files):
            await threads.file_work(self._take, reread)

    def _take(self, reread: Reread) -> None:
        try:
            asked = reread()
            if asked is None or asked.certificate is None or (pem := (asked.certificate, asked.key or "")) == self._pem:
                return
            _load(_context(), *pem)  # whether they fit, so that a wrong pair does not harm the one in use
            _load(self.context, *pem)
        except (BackstageError, OSError, ValueError) as error:
            _log.warning("certificate_not_renewed", problem=str(error))
            return
        self._pem = pem
        _log.info("certificate_renewed")


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Give a context a pair in PEM, which the library reads from files only."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # nobody else may read it
        file.write(certificate if certificate == key else f"{key.strip()}\n{certificate.strip()}\n")
        file.flush()
        context.load_cert_chain(file.name, password=_nobody)


def _nobody() -> str:
    raise ValueError("the key has a passphrase; give one without")


def _own(settings: BackendSettings) -> tuple[str, str]:
    from backstage_py.http import self_signed

    host = urlsplit(settings.base_url).hostname or "localhost"
    return self_signed.pair(settings.working_directory / "dev-cert.pem", host)
