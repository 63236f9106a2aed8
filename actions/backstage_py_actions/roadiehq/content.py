"""Reading files of the workspace as text, with a bound, and JSON in them."""

from pathlib import Path

from backstage_py.plugin import InputError, Json, NotFoundError, Workspace, formats

LARGEST = 10 * 1024 * 1024
"""Bytes of a file that is read as a whole."""


def read_text(workspace: Workspace, name: str) -> str:
    """Return the text of a file; bytes that are no UTF-8 become U+FFFD, as in Backstage.

    Raises:
        NotAllowedError: the path leaves the workspace. NotFoundError: there is no such file. InputError: too large.
    """
    return read_bytes(workspace.path(name), name).decode("utf-8", "replace")


def read_bytes(path: Path, name: str) -> bytes:
    """Return the bytes of a file that lies in the workspace; ``name`` is what the template calls it.

    Raises:
        NotFoundError: there is no such file. InputError: it is too large.
    """
    if not path.is_file():
        raise NotFoundError(f"The workspace has no file '{name}'")
    if path.stat().st_size > LARGEST:
        raise InputError(f"'{name}' is larger than {LARGEST // (1024 * 1024)} MiB, the most that is read")
    return path.read_bytes()


def parse_json(text: str, where: str) -> Json:
    """Return the value of JSON text; ``where`` names it in the message.

    Raises:
        InputError: it is not JSON, or nested too deeply.
    """
    try:
        return formats.parse_json(text)
    except RecursionError as error:
        raise InputError(f"{where} is nested too deeply") from error
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}") from error
