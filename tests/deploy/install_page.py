"""What ``docs/operators/install.md`` tells people to install, and the pages beside it to do later."""

import re
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parents[2] / "docs/operators/install.md"
UPGRADE = PAGE.with_name("upgrade.md")


def values() -> dict[str, Any]:
    """Return the values of the page's block ``values.yaml``, as they are written there."""
    read: dict[str, Any] = yaml.safe_load(_titled("values.yaml"))
    return read


def delegation() -> str:
    """Return what Backstage's configuration gets, by the page's first block ``app-config.yaml``."""
    return _titled("app-config.yaml")


def commands(heading: str, page: Path = PAGE) -> str:
    """Return what stands in the blocks of commands of one part of the page."""
    _, _, part = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    found = re.findall(r"^```sh\n(.*?)^```$", part.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    if not found:
        message = f"{page} has no commands below {heading}"
        raise LookupError(message)
    return "".join(found)


def _titled(title: str) -> str:
    found = re.search(rf'^```yaml title="{re.escape(title)}"\n(.*?)^```$', text(), re.MULTILINE | re.DOTALL)
    if found is None:
        message = f"{PAGE} has no block with the title {title}"
        raise LookupError(message)
    return found[1]


def text() -> str:
    return PAGE.read_text(encoding="utf-8")
