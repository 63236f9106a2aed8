"""Signatures of commits, with OpenPGP and SSH keys: what git has in a commit's ``gpgsig``.

No program and no agent is asked, so nothing of the machine's keys takes part. SSH signatures are made by OpenSSH's
``PROTOCOL.sshsig`` (namespace ``git``, SHA-512), as git checks them with ``gpg.format = ssh``.
"""

import base64
import hashlib
import struct
import textwrap
from collections.abc import Callable
from typing import Any

from backstage_py import extras
from backstage_py.errors import SettingsError

Signer = Callable[[bytes], str]
"""Returns the armored signature of a commit's text."""

_EXTRA = "signing"
_MAGIC = b"SSHSIG"
_HASH = b"sha512"
_NAMESPACE = b"git"
_PGP, _SSH = "BEGIN PGP PRIVATE KEY BLOCK", "PRIVATE KEY-----"
_ARMOR_WIDTH = 70


def signer(key: str, name: str) -> Signer:
    r"""Return what signs with a private key, as text: an armored block of OpenPGP, or a file of ``ssh-keygen``.

    Args:
        key: without a passphrase. Line breaks may be written as ``\n``.
        name: of the configuration value that has it, for messages.

    Raises:
        SettingsError: it is no such key. MissingExtraError: the extra ``signing`` is not installed.
    """
    text = key.replace("\\n", "\n").strip() + "\n"
    extras.require("Signing commits", _EXTRA)
    if _PGP in text:
        return _pgp(text, name)
    if _SSH in text:
        return _ssh(text, name)
    raise SettingsError(name, "it should be an OpenPGP private key block, or an SSH private key")


def with_signature(commit: bytes, signature: str) -> bytes:
    """Return a commit's text with its signature as git has it: one header, its further lines indented."""
    head, _, message = commit.partition(b"\n\n")
    indented = signature.strip().replace("\r\n", "\n").replace("\n", "\n ")
    return head + f"\ngpgsig {indented}".encode() + b"\n\n" + message


def _pgp(text: str, name: str) -> Signer:
    from pysequoia import SignatureMode, Tsk, sign

    try:
        made = Tsk.from_bytes(text.encode()).signer()
    except Exception as error:  # the library's errors are plain exceptions
        raise SettingsError(name, "it is no OpenPGP key that can sign without a passphrase") from error
    return lambda commit: sign(made, commit, mode=SignatureMode.DETACHED).decode()


def _ssh(text: str, name: str) -> Signer:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    try:
        key = load_ssh_private_key(text.encode(), None)
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, TypeError) as error:
        raise SettingsError(name, "it is no SSH key that can sign without a passphrase") from error
    blob = base64.b64decode(public.split()[1])

    def sign(commit: bytes) -> str:
        rest = _NAMESPACE, b"", _HASH
        signed = _MAGIC + b"".join(map(_string, (*rest, hashlib.sha512(commit).digest())))
        parts = (blob, *rest, _ssh_signature(key, signed, name))
        whole = _MAGIC + struct.pack(">I", 1) + b"".join(map(_string, parts))
        lines = textwrap.wrap(base64.b64encode(whole).decode(), _ARMOR_WIDTH)
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"])

    return sign


def _ssh_signature(key: Any, data: bytes, name: str) -> bytes:
    """Return algorithm and signature as RFC 4253 and RFC 5656 write them."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _string(b"ssh-ed25519") + _string(key.sign(data))
    if isinstance(key, rsa.RSAPrivateKey):
        return _string(b"rsa-sha2-512") + _string(key.sign(data, padding.PKCS1v15(), hashes.SHA512()))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = key.curve.key_size
        algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[size]
        numbers = decode_dss_signature(key.sign(data, ec.ECDSA(algorithm)))
        return _string(b"ecdsa-sha2-nistp%d" % size) + _string(b"".join(map(_number, numbers)))
    raise SettingsError(name, "commits are signed with keys of the types ed25519, rsa and ecdsa")


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _number(value: int) -> bytes:
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))
