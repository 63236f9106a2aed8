"""Backstage's own providers of entities, driven at a stand-in; for recording only, so nothing of it runs in tests."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("official.cjs")

Ask = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def running(environment: Mapping[str, str] | None = None) -> AsyncIterator[Ask]:
    """Start the packages below ``BACKSTAGE_PY_ANCHOR``; what is yielded asks them, see the script."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(_SCRIPT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_NO_WARNINGS": "1", **(environment or {})},
        limit=64 * 1024 * 1024,
    )

    async def ask(**request: Any) -> Any:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(request).encode() + b"\n")
        return json.loads(await process.stdout.readline())

    try:
        yield ask
    finally:
        process.kill()
        await process.wait()
