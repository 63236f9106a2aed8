"""SIGHUP: a running service reads again what may change while it runs, which is the level of its log."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from backstage_py import logging
from backstage_py.errors import BackstageError
from backstage_py.settings import load_settings

_log = structlog.get_logger(__name__)


@contextmanager
def rereading(config: Sequence[Path], pass_on: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Take ``backend.logger.level`` from the files again at each SIGHUP, until the block is left.

    Args:
        config: app-config files.
        pass_on: called after that; tells the processes beside this one.
    """
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            level = load_settings(config, os.environ).backend.log_level
        except BackstageError as error:
            _log.error("configuration_not_read_again", problem=error.message)  # the operator's mistake
        else:
            logging.set_level(level)
            _log.warning("log_level_set", log_level=level)  # whatever the level is, but error
        pass_on()

    loop.add_signal_handler(signal.SIGHUP, read)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
