"""``backstage-py migrate``: bring the database to the tables of this version, then stop."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from backstage_py import logging
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.settings import load_settings
from backstage_py.settings.secret_values import secret_values
from backstage_py.wiring import database

_log = structlog.get_logger(__name__)


def run(config: Sequence[Path]) -> int:
    """Migrate and return the exit status.

    Args:
        config: app-config files.

    Raises:
        SettingsError: the configuration is wrong.
        DatabaseError: the database holds other tables than ours.
    """
    settings = load_settings(config, os.environ)
    logging.configure(settings.backend.log_level, lasting=True)
    with logging.hiding(Redactor(secret_values(settings.raw)).text):
        before, after = asyncio.run(database.migrate_only(settings))
    _log.info("database_migrated", before=before, revision=after)
    return 0
