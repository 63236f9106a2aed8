"""What ``docs/operators/install.md`` tells people to install."""

import re
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parents[2] / "docs/operators/install.md"


def values() -> dict[str, Any]:
    """Return the values of the page's block ``values.yaml``, as they are written there."""
    found = re.search(r'^```yaml title="values.yaml"\n(.*?)^```$', text(), re.MULTILINE | re.DOTALL)
    if found is None:
        message = f"{PAGE} has no block with the title values.yaml"
        raise LookupError(message)
    read: dict[str, Any] = yaml.safe_load(found[1])
    return read


def text() -> str:
    return PAGE.read_text(encoding="utf-8")
