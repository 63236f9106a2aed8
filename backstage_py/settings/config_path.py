"""Where a value stands: the names and indices from the top of a configuration, and the same as messages write it."""

ConfigPath = tuple[str | int, ...]


def dotted(path: ConfigPath) -> str:
    """Return a path for messages: ``catalog.locations[0].type``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
