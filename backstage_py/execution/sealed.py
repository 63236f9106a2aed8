"""How parts of a workspace are sealed that lie in a bucket: with a key of their attempt, which travels another way."""

from backstage_py.sealing import KEY_BYTES, Cipher

__all__ = ["HEADER", "KEY_BYTES", "Sealed"]

HEADER = "Backstage-Workspace-Key"
"""The header that brings a pod the key with the manifest, in hexadecimal digits; without it nothing is sealed."""
_USE = b"backstage-py workspaces of pods"
_CONTEXT = "workspace"  # what a part is, its digest says


class Sealed:
    """Seals and unseals with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(key, _USE)

    def seal(self, content: bytes) -> bytes:
        """Encrypt."""
        return self._cipher.seal(content, _CONTEXT)

    def unseal(self, content: bytes) -> bytes:
        """Decrypt.

        Raises:
            UnsealError: it was sealed with another key, or not at all.
        """
        return self._cipher.unseal(content, _CONTEXT)
