"""``backstage-py lsp``: a language server over the linter, on standard input and output."""

import os
import sys

from lsprotocol import types

from backstage_py.cli.editor.server import server
from backstage_py.cli.local.trust import Trust


def run(trust: Trust) -> int:
    """Serve until the editor ends the session.

    Returns:
        The exit status that the protocol asks for: 1 if the editor says ``exit`` without ``shutdown`` before.
    """
    from backstage_py import logging

    logging.configure("error")  # on standard error: standard output is the editor's
    made = server(trust)
    status = 0
    was_told = False

    @made.feature(types.SHUTDOWN)
    def shutdown(_: None) -> None:
        nonlocal was_told
        was_told = True

    @made.feature(types.EXIT)
    def leave(_: None) -> None:
        nonlocal status
        status = 0 if was_told else 1

    sys.stdout.flush()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")  # the server closes what it writes to
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what else is printed must not be taken for an answer
    made.start_io(stdout=answers)
    return status
