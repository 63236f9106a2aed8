"""The API's document, made from the code.

python -m service.openapi > openapi.yaml          write it anew
python -m service.openapi --check openapi.yaml    say what differs, and fail if something does
"""

import difflib
import sys
from pathlib import Path
from typing import Any

import yaml

from service.app import create_app
from service.settings import Settings

_FRESH = "python -m service.openapi > openapi.yaml"


def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def text(content: object) -> str:
    """The same content gives the same text, whatever the order in which it was written."""
    return yaml.safe_dump(content, sort_keys=True, allow_unicode=True)


def main(arguments: list[str]) -> int:
    fresh = text(document())
    match arguments:
        case []:
            print(fresh, end="")
            return 0
        case ["--check", name]:
            kept = text(yaml.safe_load(Path(name).read_text(encoding="utf-8")))
            lines = difflib.unified_diff(kept.splitlines(), fresh.splitlines(), name, "the code")
            if kept != fresh:
                print("\n".join(lines))
                print(f"{name} does not describe the code any more; write it anew: {_FRESH}")
            return int(kept != fresh)
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
