"""Where the command line begins and ends: what fails becomes plain words and an exit status."""

import contextlib
import io
import os
import sys

from backstage_py.cli.commands import plain
from backstage_py.errors import BackstageError, SettingsError
from backstage_py.extras import MissingExtraError

_WRONG_USE = 2
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; errors of ours and of the system end as plain words and an exit status."""
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what the terminal's encoding cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            if (status := plain.run(sys.argv[1:])) is not None:
                sys.exit(status)
            from backstage_py.cli.main import app

            app()
        finally:
            sys.stdout.flush()  # a full disk or a closed pipe shows here at the latest
    except (SettingsError, MissingExtraError) as error:
        _stop(error.message, _WRONG_USE)
    except BackstageError as error:
        _stop(error.message, 1)
    except KeyboardInterrupt:
        _stop("Interrupted.", _INTERRUPTED)
    except BrokenPipeError:  # the reader closed the pipe, as head(1) does
        _abandon_output()
        sys.exit(1)
    except OSError as error:
        _abandon_output()
        place = f"{error.filename}: " if error.filename else ""
        _stop(f"{place}{error.strerror or error}", _WRONG_USE)


def _open_closed() -> None:
    """Give a stream that the shell closed (``>&-``) something to write to; files would get its number otherwise."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  # as long as the process


def _stop(message: str, status: int) -> None:
    sys.stderr.write(f"backstage-py: {message}\n")
    sys.exit(status)


def _abandon_output() -> None:
    """Discard unwritten output, or the interpreter would report the same error again when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
