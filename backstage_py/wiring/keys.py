"""The keys of a process: which wrap the others, which were in use before, and all that are in the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from backstage_py.identity import keys as signing_keys
from backstage_py.identity.keys import SharedKeys
from backstage_py.settings.sections import AuthSettings, ScaffolderSettings
from backstage_py.storage.database import Database
from backstage_py.storage.keys import files, wrapping
from backstage_py.storage.keys.chain import KeyChain, NewKey, Purpose
from backstage_py.storage.keys.store import KeyStore
from backstage_py.storage.keys.wrapping import WrappingKey, WrappingKeys
from backstage_py.storage.scaffolder import secrets
from backstage_py.storage.scaffolder.secrets import SecretBox

_log = structlog.get_logger(__name__)
_SIGNING_FILE = "backstage-py-signing-key.pem"
_SECRETS_FILE = "backstage-py-secrets-key"
_SECRETS_KEY = "scaffolder.secretsKey"
_LASTING = 100 * 365 * 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs, and what seals.

    Attributes:
        are_wrapped: whether the database alone tells nobody a key.
        plans: what seals plans of Terraform in all processes, before and after a restart; empty where none are made.
    """

    signing: SharedKeys
    box: SecretBox
    are_wrapped: bool
    plans: str = field(default="", repr=False)

    def log_mode(self) -> None:
        """Warn of keys that lie open in the database."""
        if not self.are_wrapped:
            _log.warning(
                "keys_not_wrapped",
                hint="whoever reads the database can sign tokens and read the secrets of tasks; "
                f"set auth.keyEncryptionKeys ({wrapping.HOW_TO})",
            )


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where keys may be.

    Attributes:
        is_new: whether no process with keys in the database has run yet.
    """

    auth: AuthSettings
    secrets_key: str | None
    folder: Path
    database: Path | None
    is_new: bool

    def wrapping(self) -> list[WrappingKey]:
        """Return what wraps keys; beside an SQLite file there is a key in a file, unless another is given."""
        given = self.auth.wrapping_keys
        found = [wrapping.configured(f"auth.keyEncryptionKeys[{n}]", text) for n, text in enumerate(given)]
        if self.secrets_key:
            found.append(wrapping.configured(_SECRETS_KEY, self.secrets_key))
        if self.database:
            path = self.secrets_file
            if not found and self.is_new:  # later a missing file is a lost one
                files.create(path, _SECRETS_KEY, files.random_key())
            if path.exists():
                found.append(WrappingKey(files.load(path, _SECRETS_KEY), str(path)))
        return found

    def sealed_before(self) -> list[NewKey]:
        """Return what encrypted the secrets of tasks before keys were in the database."""
        found = []
        if self.secrets_key:
            found.append(wrapping.configured(_SECRETS_KEY, self.secrets_key).material)
        if self.secrets_file.exists() and (self.is_new or not self.database):
            found.append(files.load(self.secrets_file, _SECRETS_KEY))
        return [secrets.of_material(material) for material in found]

    def signed_before(self) -> list[NewKey]:
        """Return what signed tokens before; a file from then is not looked at for ever."""
        path = (self.database.parent if self.database else self.folder) / _SIGNING_FILE
        return [signing_keys.stored(signing_keys.load(path))] if path.exists() else []

    @property
    def secrets_file(self) -> Path:
        """The file whose key wraps, of SQLite, and which encrypted before."""
        if self.database is None:
            return self.folder / _SECRETS_FILE
        return self.database.with_name(f"{self.database.name}-key")


@asynccontextmanager
async def opened(
    database: Database, auth: AuthSettings, scaffolder: ScaffolderSettings, folder: Path, *, seals_plans: bool = False
) -> AsyncIterator[Keys]:
    """Read or make the keys, and follow the database until the block is left.

    Args:
        database: with current tables.
        auth: says where the signing key is.
        scaffolder: says how secrets of tasks are encrypted.
        folder: ``backend.workingDirectory``, where the keys of earlier versions are.
        seals_plans: whether templates may use Terraform.

    Raises:
        SettingsError: a key is too short or in a file that others may read, or keys in the database cannot be opened.
    """
    seals = secrets.purpose(scaffolder.secrets_key_rotation)
    is_new = not (await KeyStore(database, seals.name).load())[1]
    sources = _Sources(auth, scaffolder.secrets_key, folder, database.path, is_new)
    earlier = sources.sealed_before()
    wraps = WrappingKeys(sources.wrapping())
    own = signing_keys.stored(signing_keys.load_or_create(auth.key_file)) if auth.key_file else None
    signing = KeyChain(database, wraps, signing_keys.purpose(auth.key_rotation), own)
    sealing = KeyChain(database, wraps, seals)
    await signing.open(sources.signed_before())
    await sealing.open(earlier)
    signing_keys.report_differing_files(signing)
    box = SecretBox(sealing)
    await secrets.report_unreadable(database, box)
    plans = await _plans(database, wraps) if seals_plans else ""
    async with signing.running(), sealing.running():
        yield Keys(SharedKeys(signing), box, are_wrapped=wraps.first is not None, plans=plans)


async def _plans(database: Database, wraps: WrappingKeys) -> str:
    """Return the key that seals plans of Terraform; it is made once, and lasts."""
    chain = KeyChain(database, wraps, Purpose("terraform-plans", secrets.make, _LASTING, _LASTING))
    await chain.open()
    return (chain.current.content or b"").hex()
