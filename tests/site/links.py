"""Links as the repository has them become links of the site.

A text links to files beside it, so that it reads well where it lies. In the site, what is a page is linked as one, and
the rest (examples, sources) goes to the repository.
"""

import re
from collections.abc import Callable
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/backstage-py/backstage-py"
ELSEWHERE = {
    "actions.md": "actions/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "index.md": "README.md",
    "reference/rules/index.md": "backstage_py/lint/RULES.md",
    "security.md": "SECURITY.md",
}
"""Pages and the texts that they are, by their paths in the site and in the repository."""

_PAGES = {source: page for page, source in ELSEWHERE.items()}
_FENCE = re.compile(r"^ *(`{3,}|~{3,}).*?^ *\1[`~]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")


def of_the_site(text: str, page: str) -> str:
    """Return the text of a page with links that hold in the site.

    Raises:
        LookupError: a link leads to no file of the repository.
    """
    source = ELSEWHERE.get(page, f"docs/{page}")

    def link(match: re.Match[str]) -> str:
        path = normpath(join(dirname(source), match[1]))
        if not (ROOT / path).exists():
            message = f"{source} links to {match[1]}, which is not there"
            raise LookupError(message)
        anchor = match[2] or ""
        if target := _page(path):
            return relpath(target, dirname(page) or ".") + anchor
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{REPOSITORY}/{kind}/main/{path}{anchor}"

    return _outside_fences(text, lambda part: _LINK.sub(link, part))


def _page(path: str) -> str | None:
    """Return the path in the site of a file of the repository, None when the site does not have it."""
    if page := _PAGES.get(path):
        return page
    inside = path.removeprefix("docs/")
    is_there = inside != path and not inside.startswith("editors/vscode/") and (ROOT / path).is_file()
    return inside if is_there else None


def _outside_fences(text: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(text[end:])])
