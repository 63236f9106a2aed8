"""The database of a process as the settings want it: its certificates as files, made when it is missing, up to date."""

import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy.engine import make_url

from backstage_py.settings.sections import BackendSettings, Settings
from backstage_py.storage import migrate, outages
from backstage_py.storage.database import Database

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_OWNER_ONLY = 0o600

Upgrade = Callable[[Database], Awaitable[None]]
"""What brings tables up to date."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Settings, Database]]:
    """Have the database at hand until the block is left, and settings that name it as it is reached.

    Raises:
        BackstageError: it does not answer, or something is missing that may not be made.
    """
    with ExitStack() as stack:
        settings = lasting(with_certificates(settings, stack), stack)
        async with of(settings).running() as store:
            await ready(store, settings.backend)
            yield settings, store


def of(settings: Settings) -> Database:
    """Return the database, not connected to yet."""
    asked = settings.backend
    return Database(
        asked.database_url,
        patience=asked.database_patience,
        pooler=asked.database_pooler,
        connections=asked.database.connections,
    )


async def ready(store: Database, backend: BackendSettings) -> None:
    """Make what is missing and wait until the server answers.

    Raises:
        BackstageError: it does not, or something is missing that may not be made.
    """
    asked = backend.database
    await store.prepare(create=asked.create, schema=asked.schema, role=asked.role)
    await store.reached(backend.database_patience)


async def migrated(store: Database, backend: BackendSettings, upgrade: Upgrade = migrate.upgrade) -> None:
    """Bring the tables up to date by ``upgrade``, or make sure that they are.

    Raises:
        DatabaseError: they are not, and ``skipMigrations`` is set.
    """
    if backend.database.migrate:
        await upgrade(store)
    else:
        await migrate.check(store)


async def migrate_only(settings: Settings) -> tuple[str | None, str | None]:
    """Bring the tables up to date also where ``skipMigrations`` leaves it to this call.

    Returns:
        The revisions before and after; None is a database without tables.

    Raises:
        DatabaseError: the database holds other tables than ours.
        ServiceUnavailableError: it does not answer within ``backend.database.patience``.
    """
    async with opened(settings) as (_, store):
        with outages.patience():
            before = await migrate.current(store)
            await migrate.upgrade(store)
            return before, await migrate.current(store)


def with_certificates(settings: Settings, stack: ExitStack) -> Settings:
    """Return settings whose URL names files of the configured certificates: libpq reads them from nowhere else."""
    url = make_url(settings.backend.database_url)
    names: dict[str, str] = {}
    if url.query.get("sslmode") == "verify-full" and "sslrootcert" not in url.query:
        names["sslrootcert"] = _system_authorities()
    if texts := settings.backend.database.certificates:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backstage-py-tls-")))
        for word, text in texts.items():
            file = folder / word
            file.touch(_OWNER_ONLY)
            file.write_text(text, encoding="utf-8")
            names[word] = str(file)
    if not names:
        return settings
    text = url.update_query_dict(names).render_as_string(hide_password=False)
    return replace(settings, backend=replace(settings.backend, database_url=text))


def lasting(settings: Settings, stack: ExitStack) -> Settings:
    """Return settings whose database is a file: one for ``:memory:`` lives as long as this process."""
    if make_url(settings.backend.database_url).database or not settings.backend.database_url.startswith("sqlite"):
        return settings
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="backstage-py-"))
    url = f"sqlite:///{Path(folder) / 'memory.sqlite'}"
    return replace(settings, backend=replace(settings.backend, database_url=url))


def _system_authorities() -> str:
    """Return the file of the authorities that this machine trusts; a driver in a wheel does not know where it is."""
    paths = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in paths if path and Path(path).is_file()), "system")
