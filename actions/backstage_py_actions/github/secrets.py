"""Secrets of a repository or an environment."""

import asyncio
from collections.abc import Mapping
from typing import Any

from backstage_py.integrations import github
from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionContext, Json, JsonObject


async def put(
    ctx: ActionContext[Any], repository: Repository, template: str, secrets: Mapping[str, str], key: str, **names: str
) -> None:
    """Store secrets, each once per task and encrypted with the public key that lies beside them.

    Args:
        ctx: keeps which of them are stored.
        repository: where they belong.
        template: path of the secrets in it, e.g. ``/actions/secrets``.
        secrets: by name.
        key: of the checkpoints, a secret's name behind it.
        names: for the path.
    """
    lock: JsonObject = {}
    for name, value in secrets.items():

        async def store(name: str = name, value: str = value) -> Json:
            if not lock:
                lock.update(await repository.call("GET", f"{template}/public-key", **names))
            sealed = await asyncio.to_thread(github.seal, lock["key"], value)
            body = {"encrypted_value": sealed, "key_id": lock["key_id"]}
            await repository.call("PUT", template + "/{secret}", body, secret=name, **names)
            return None

        await ctx.checkpoint(f"{key}.{name}", store)
