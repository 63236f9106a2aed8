"""A catalog to be killed while it takes in a file, see its ``main`` for the arguments."""

import asyncio
import sys
from pathlib import Path

from backstage_py.settings.sections import CatalogLocation
from tests.catalog.harness import catalog


async def main(folder: str, file: str, database_url: str | None = None) -> None:
    Path(folder, "started").touch()
    async with catalog(Path(folder), locations=(CatalogLocation("file", file),), database_url=database_url):
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
