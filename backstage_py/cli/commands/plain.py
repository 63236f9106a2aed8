"""``backstage-py validate`` with nothing but paths and a format, as hooks and editors call it for every save.

Typer reads its arguments with pydantic, which takes longer to import than a template takes to check. What is said here
is the same; whatever else is asked for, even wrongly, is left to Typer.
"""

from collections.abc import Sequence
from pathlib import Path

from backstage_py.cli.formats import Format

_COMMAND = "validate"
_FORMAT_OPTIONS = ("--format", "-f")


def run(arguments: Sequence[str]) -> int | None:
    """Check and return the exit status, or None if the arguments are not plain."""
    if not arguments or arguments[0] != _COMMAND:
        return None
    paths: list[Path] = []
    format_ = Format.TEXT
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _FORMAT_OPTIONS:
            value = next(rest, None)
            if value not in list(Format):
                return None
            format_ = Format(value)
        elif argument == "-" or not argument.startswith("-"):
            paths.append(Path(argument))
        else:
            return None
    from backstage_py.cli.commands import validate

    return validate.run(paths, validate.ValidateOptions(format_))
