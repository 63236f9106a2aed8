"""Rego, in a process of its own: a policy is a program, and the engine, which is not ours, may loop, grow or crash.

Here are the time it gets and its errors; what it does is in ``children.rego_job``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backstage_py import extras, threads
from backstage_py.errors import InputError
from backstage_py.integrations.children import process
from backstage_py.integrations.children.limits import Limits
from backstage_py.integrations.children.process import ChildJobError, ChildLimitError
from backstage_py.model import json
from backstage_py.model.json import Json

_SECONDS = 60.0
_RESERVED = 512 * 2**30  # its allocator takes 256 GiB of addresses
_PACKAGE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


async def evaluate(
    policy: str,
    modules: Mapping[str, str],
    package: str,
    inputs: Sequence[Json],
    *,
    config: Mapping[str, Json] | None = None,
    seconds: float = _SECONDS,
) -> Sequence[Json]:
    """Return what a package holds for each input.

    Args:
        policy: its name, for messages.
        modules: texts by the name of their file.
        package: as in ``package main``.
        inputs: each is ``input`` once.
        config: the whole configuration, for ``scaffolder.children``.
        seconds: for all of them.

    Raises:
        InputError: a text is no Rego, its evaluation fails, or needs more time or memory than it may have.
        MissingExtraError: the engine is not installed.
    """
    extras.require(f"The policy '{policy}'", "policy")
    if not _PACKAGE.fullmatch(package):
        raise InputError(f"'{package}' is no package of Rego; it is a name such as main or team.rules")
    bounds = replace(Limits.of(config), reserved=_RESERVED, processes=None)
    job = {"modules": dict(modules), "package": package, "inputs": list(inputs), "memory": bounds.memory}
    try:
        result = await process.run("rego_job", job, seconds=seconds, limits=bounds)
    except (TypeError, ValueError) as error:
        raise InputError(f"What the policy '{policy}' is asked about is no JSON, or nested too deeply") from error
    except TimeoutError as error:
        raise InputError(f"The policy '{policy}' did not end within {seconds:g} seconds") from error
    except ChildLimitError as error:
        raise InputError(f"The policy '{policy}' {error}") from error
    except ChildJobError as error:
        raise InputError(f"The policy '{policy}' cannot be evaluated: {error}") from error
    found: Sequence[Json] = await threads.render_large(len(result), json.parse, result)
    return found
