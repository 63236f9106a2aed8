"""What a running service reads again, on SIGHUP or when its files change: the level of its log."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from backstage_py import background, logging
from backstage_py.errors import BackstageError
from backstage_py.settings import changes, load_settings
from backstage_py.settings.sections import Settings

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def rereading(
    settings: Settings, config: Sequence[Path], pass_on: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Take ``backend.logger.level`` from the files again at each SIGHUP and each change, until the block is left.

    Args:
        settings: as they were read.
        config: app-config files.
        pass_on: called after a SIGHUP; tells the processes beside this one, which see changes themselves.
    """
    loop = asyncio.get_running_loop()
    level = settings.backend.log_level

    def read(*, is_asked: bool) -> None:
        nonlocal level
        try:
            found = load_settings(config, os.environ).backend.log_level
        except BackstageError as error:
            _log.error("configuration_not_read_again", problem=error.message)  # the operator's mistake
            return
        if is_asked or found != level:
            level = found
            logging.set_level(level)
            _log.warning("log_level_set", log_level=level)  # whatever the level is, but error

    def hang_up() -> None:
        read(is_asked=True)
        pass_on()

    async def follow() -> None:
        async for _ in changes.seen(settings.files):
            read(is_asked=False)

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        async with background.running(background.supervised("configuration.changes", follow)):
            yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
