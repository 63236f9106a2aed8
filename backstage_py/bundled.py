"""The one door to the files of ``schemas/`` and ``skeletons/``.

In a wheel they lie below ``backstage_py/_bundled/``; in a checkout at its top level.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent


def _root() -> Path:
    installed = _PACKAGE / "_bundled"
    return installed if installed.is_dir() else _PACKAGE.parent


def skeletons() -> Path:
    """Return the folder of the golden paths, one subfolder each."""
    return _root() / "skeletons"


def schemas() -> Path:
    """Return the folder of the JSON Schemas."""
    return _root() / "schemas"


@cache
def schema(name: str) -> Any:
    """Return a JSON Schema by its path below ``schemas/`` without ``.json``; do not change the answer.

    Raises:
        FileNotFoundError: no such schema is bundled.
    """
    return json.loads((schemas() / f"{name}.json").read_text(encoding="utf-8"))
