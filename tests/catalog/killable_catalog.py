"""A catalog to be killed while it takes in a file: ``python -m tests.catalog.killable_catalog FOLDER FILE``."""

import asyncio
import sys
from pathlib import Path

from backstage_py.settings.sections import CatalogLocation
from tests.catalog.harness import catalog


async def main(folder: str, file: str) -> None:
    async with catalog(Path(folder), locations=(CatalogLocation("file", file),)):
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
