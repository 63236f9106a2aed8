"""``backstage-py execute`` (hidden): runs the steps of one Job, in its pod."""

import _thread
import os
import signal
import sys
import threading
from pathlib import Path

from backstage_py.execution import client
from backstage_py.execution.channel import NOT_WANTED, UNHEARD, ChannelClosed
from backstage_py.execution.handler import Handler, Surroundings
from backstage_py.plugin import Services, load_plugins

_FOLDER = "workspace"
_STOPPED = 143


def run(folder: Path) -> int:
    """Ask the service that made this pod for steps, and run them, until there are no more; return an exit code."""
    url, ticket = os.environ.pop("BACKSTAGE_PY_EXECUTION_URL"), os.environ.pop("BACKSTAGE_PY_EXECUTION_TOKEN")
    try:
        channel = client.opened(url, ticket, folder / _FOLDER)
    except ChannelClosed:
        print("The service does not know this pod: its step is over, or another pod has begun it", file=sys.stderr)  # noqa: T201  # the pod's log
        return NOT_WANTED
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_STOPPED))  # the first process of a container has no default
    plugins = load_plugins(_actions_folder())
    threads = threading.active_count()
    services = Services(filters=plugins.filters, globals=plugins.globals, global_descriptions=plugins.descriptions)

    around = Surroundings(
        find=plugins.actions.get,
        services=services,
        workspace=channel.workspace,
        adapt=channel.adapt,
        interrupt=_thread.interrupt_main,
        is_clean=lambda: threading.active_count() <= threads + 1,  # and the one that receives answers
        traces=True,
    )
    Handler(channel, around).serve()
    return 0 if channel.close() else UNHEARD


def _actions_folder() -> Path | None:
    """The folder of actions that an image brings along."""
    named = os.environ.get("BACKSTAGE_PY_ACTIONS_FOLDER")
    return Path(named) if named else None
