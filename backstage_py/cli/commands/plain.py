"""Commands as programs call them, with nothing but plain values: ``validate`` of hooks and editors, ``serve``.

Typer takes longer to import than a template takes to check, and stays in a service's memory. What is said here is the
same; whatever else is asked for, even wrongly, is left to Typer.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from backstage_py.cli.formats import Format

_FORMAT_OPTIONS = ("--format", "-f")
_CONFIG_OPTIONS = ("--config", "-c")
_MOST = {"--port": 65_535, "--workers": 256}
"""The numbers among the options of ``serve``, and how large they may be."""


def run(arguments: Sequence[str]) -> int | None:
    """Do it and return the exit status, or None if the arguments are not plain."""
    command = {"validate": _validate, "serve": _serve}.get(arguments[0] if arguments else "")
    return command(iter(arguments[1:])) if command else None


def _validate(rest: Iterator[str]) -> int | None:
    paths: list[Path] = []
    format_ = Format.TEXT
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


def _serve(rest: Iterator[str]) -> int | None:
    config: list[Path] = []
    host: str | None = None
    numbers: dict[str, int] = {}
    for argument in rest:
        value = next(rest, "-")
        if value.startswith("-"):
            return None
        if argument in _CONFIG_OPTIONS:
            config.append(Path(value))
        elif argument == "--host":
            host = value
        elif argument in _MOST and value.isascii() and value.isdecimal() and int(value) <= _MOST[argument]:
            numbers[argument] = int(value)
        else:
            return None
    from backstage_py.cli import start

    return start.serve(config, host=host, port=numbers.get("--port"), workers=numbers.get("--workers", 0))
