"""Put the pages of the site together: ``python -m tests.site FOLDER``; ``./dev docs`` builds the site of them.

A page is a text of ``docs/``, one that lies elsewhere in the repository, or made of the code (and so never stale).
"""

import shutil
import sys
from pathlib import Path

from tests.site import links, made

ROOT = links.ROOT


def main(target: Path) -> None:
    """Fill ``target``, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target, ignore=shutil.ignore_patterns("vscode"))
    for page, source in links.ELSEWHERE.items():
        _write(target / page, (ROOT / source).read_text(encoding="utf-8"))
    for file in sorted(target.rglob("*.md")):
        page = file.relative_to(target).as_posix()
        _write(file, links.of_the_site(file.read_text(encoding="utf-8"), page))
    for page, text in made.pages():
        _write(target / page, text)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
