"""Where a secret of a vault is: ``mount/path#key``, as ``vault()`` takes it."""

from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.model import web_url

_FEWEST = 2  # a mount, and something in it


@dataclass(frozen=True, slots=True)
class VaultRef:
    """A key of the secret at ``path``, which begins with a mount."""

    path: str
    key: str

    @classmethod
    def of(cls, text: str) -> "VaultRef":
        """Read ``mount/path#key``.

        Raises:
            InputError: it is none.
        """
        path, _, key = text.partition("#")
        parts = path.strip("/").split("/")
        if not key or len(parts) < _FEWEST or "" in parts or web_url.climbs(path):
            raise InputError(f"vault('{text}') should be vault('<mount>/<path>#<key>'), as in 'secrets/shop#password'")
        return cls("/".join(parts), key)
