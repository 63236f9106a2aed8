"""The sandbox as a stand-in: git hosts in the place of github.com, and the plugin ``crossplane``."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from backstage_py.errors import SettingsError
from backstage_py.sandbox.crossplane import Guard, crossplane_routes
from backstage_py.sandbox.seeds import Seeds, sow
from backstage_py.sandbox.server import serve_sandbox
from backstage_py.wiring.stand_in import StandIn

_PLUGIN = "crossplane"


@asynccontextmanager
async def running(
    root: Path, *, guard: Guard, port: int = 0, crossplane: bool = True, repositories: Seeds = MappingProxyType({})
) -> AsyncIterator[StandIn]:
    """Serve the repositories below ``root`` until the block is left.

    Args:
        root: folder that keeps everything; made when missing.
        guard: says who asks for a database.
        port: 0 takes a free one.
        crossplane: whether databases can be asked for.
        repositories: what is there already.

    Raises:
        SettingsError: the root or the port cannot be used.
        InputError: a repository cannot be made.
    """
    async with AsyncExitStack() as stack:
        try:
            sandbox = await stack.enter_async_context(serve_sandbox(root, port=port, open_clones=True))
        except (ValueError, OSError) as error:
            raise SettingsError("sandbox", f"the sandbox cannot be started: {error}") from error
        await sow(sandbox, repositories)
        routes = crossplane_routes(sandbox.store, guard=guard, base_url=sandbox.url)
        yield StandIn(hosts=sandbox.hosts, plugins={_PLUGIN: routes} if crossplane else {})
