"""A worker process that publishes to a sandbox, for a test that kills it.

The environment says where: ``FOLDER``, ``DATABASE``, and ``INTEGRATION``, the sandbox's entry for github.com as JSON.
"""

import asyncio
import json
import os
import signal
from pathlib import Path

import structlog

from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services, load_actions
from backstage_py.settings.sections import AuthSettings
from backstage_py.storage.database import Database
from backstage_py.wiring import keys
from backstage_py.wiring.scaffolder import Scaffolder
from tests.scaffolder.killable_worker import SETTINGS


def services() -> Services:
    one = json.loads(os.environ["INTEGRATION"])
    host = ScmIntegration("github", one["host"], one["host"], one["apiBaseUrl"], one["rawBaseUrl"], one["token"], {})
    return Services(integrations=ScmRegistry([host]), config={})


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    database = Database(os.environ["DATABASE"])
    work = Path(os.environ["FOLDER"]) / "work"
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with (
        database.running(),
        keys.opened(database, AuthSettings(), SETTINGS, work) as kept,
        Scaffolder(database, load_actions(), SETTINGS, services(), kept.box, working_directory=work).running(),
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
