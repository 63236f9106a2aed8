"""The seal of a plan: only what was planned here, for this task and of this folder as it is, is applied."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from backstage_py.errors import ConflictError
from backstage_py.integrations.terraform.rules import Rules

_OF_PROCESS = secrets.token_hex(32)


def digest(rules: Rules, task_id: str, tree: Mapping[str, bytes], plan: bytes) -> str:
    """Return the digest of a plan and the files that it was made of, with its seal: ``sha256:…/…``."""
    made = hashlib.sha256(plan)
    for name, content in sorted(tree.items()):
        made.update(f"{name}\0{len(content)}\0".encode() + content)
    seal = hmac.new((rules.plan_key or _OF_PROCESS).encode(), f"{task_id}\0{made.hexdigest()}".encode(), "sha256")
    return f"sha256:{made.hexdigest()}/{seal.hexdigest()[:32]}"


def refuse_unless_same(given: str, now: str) -> None:
    """Return when a digest is that of the plan and its folder as they are.

    Raises:
        ConflictError: it is not.
    """
    if not hmac.compare_digest(given.encode(), now.encode()):
        raise ConflictError(
            "The plan or the folder that it was made of has changed since, or another task or process "
            "made it; plan again"
        )
