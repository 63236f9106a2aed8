"""Makes docs/operators/metrics.md anew: ``python -m tests.metrics.page``."""

import re
from pathlib import Path

from backstage_py.metrics import reference

PATH = Path(__file__).parents[2] / "docs/operators/metrics.md"
_BETWEEN = re.compile(r"(?<=<!-- made of the instruments -->\n).*(?=<!-- end -->)", re.DOTALL)


def made() -> str:
    """Return the page with the tables as they ought to be."""
    return _BETWEEN.sub(lambda _: f"\n{reference.table()}\n", PATH.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PATH.write_text(made(), encoding="utf-8")
