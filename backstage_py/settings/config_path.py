"""Where a value stands: the names and indices from the top of a configuration, and the same as messages write it."""

from pathlib import Path

ConfigPath = tuple[str | int, ...]


def shown_file(name: str) -> str:
    """Return the name of a file, seen from the working directory when it is in there."""
    here = Path.cwd()
    return str(Path(name).relative_to(here)) if Path(name).is_relative_to(here) else name


def dotted(path: ConfigPath) -> str:
    """Return a path for messages: ``catalog.locations[0].type``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
