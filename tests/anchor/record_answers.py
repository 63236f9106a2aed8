"""Write what a real Backstage answers to generated requests: ``python -m tests.anchor.record_answers``."""

import dataclasses
import gzip
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.anchor.harness import backstage
from tests.contract import catalog_fixture
from tests.contract.catalog_cases import Case, answer, queries
from tests.contract.entity_cases import validations
from tests.contract.harness import free_port
from tests.contract.test_recorded_answers import until_complete

_TARGET = Path(__file__).parents[1] / "golden" / "catalog" / "answers.json.gz"
_INTERNAL = 500


@contextmanager
def backstage_catalog(folder: Path) -> Iterator[str]:
    """Run a Backstage with the entities of the fixture; yield its URL."""
    port = free_port()
    config = catalog_fixture.write(folder, port)
    with backstage(folder, config) as wait:
        url = f"http://localhost:{port}"
        wait(url)
        until_complete(url)
        yield url


def answered(url: str, cases: list[Case]) -> list[tuple[Case, Any]]:
    """Return the cases to which there is an answer: no internal error, and no network."""
    found = [(case, answer(url, case)) for case in cases]
    return [(case, theirs) for case, theirs in found if theirs[0] < _INTERNAL and "getaddrinfo" not in str(theirs)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, backstage_catalog(Path(folder)) as url:
        table = {
            "queries": answered(url, queries(1, 1000)),
            "validations": answered(url, validations(1, 1000)),
        }
    plain = {
        kind: [[list(dataclasses.astuple(case)), theirs] for case, theirs in found] for kind, found in table.items()
    }
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    _TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    sys.stdout.write(f"{_TARGET.name}: {', '.join(f'{len(found)} {kind}' for kind, found in table.items())}\n")


if __name__ == "__main__":
    main()
