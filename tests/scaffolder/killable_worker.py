"""A worker process for tests that kill it: ``python -m tests.scaffolder.killable_worker FOLDER``."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from backstage_py.plugin import ActionRegistry, Services, load_plugins
from backstage_py.settings.sections import (
    AuthSettings,
    ExecutorSettings,
    ProcessSettings,
    ScaffolderSettings,
    TaskRecoverySettings,
)
from backstage_py.storage.database import Database
from backstage_py.wiring import keys
from backstage_py.wiring.scaffolder import Scaffolder

ACTIONS = Path(__file__).with_name("killable_actions")
SETTINGS = ScaffolderSettings(
    concurrent_tasks_limit=4,
    recovery=TaskRecoverySettings(enabled=True, stale_timeout=20),
    secrets_key="k" * 32,
    shutdown_timeout=5,
    actions_folder=ACTIONS,
    executor=ExecutorSettings(process=ProcessSettings(environment=("EXECUTIONS", "EFFECTS"))),
)


def registry() -> ActionRegistry:
    return load_plugins(ACTIONS).actions


async def main(folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    database = Database(os.environ["DATABASE"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    work = folder / "work"
    async with (
        database.running(),
        keys.opened(database, AuthSettings(), SETTINGS, work) as kept,
        Scaffolder(database, registry(), SETTINGS, Services(), kept.box, working_directory=work).running(),
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
