"""The documentation's site: every text is a page of it, every link leads somewhere, llms.txt lists what there is."""

import re
from pathlib import Path

import pytest

from tests.site import links, made

ROOT = links.ROOT
TEXTS = sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / source for source in links.ELSEWHERE.values())])
UNLISTED = ("docs/reference/rules/", "docs/operators/alerts/", "docs/editors/vscode/")
"""Folders whose pages another page lists."""


def page_of(text: Path) -> str:
    path = text.relative_to(ROOT).as_posix()
    elsewhere = {source: page for page, source in links.ELSEWHERE.items()}
    return elsewhere.get(path) or path.removeprefix("docs/")


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.relative_to(ROOT).as_posix())
def test_links_of_a_text_lead_to_files(text: Path) -> None:
    shown = links.of_the_site(text.read_text(encoding="utf-8"), page_of(text))
    assert "](../../" not in re.sub(r"```.*?```", "", shown, flags=re.DOTALL) or page_of(text).count("/") > 1


def test_every_text_is_in_the_navigation() -> None:
    listed = dict(made.navigation())
    pages = [page_of(text) for text in TEXTS if not text.relative_to(ROOT).as_posix().startswith(UNLISTED)]
    assert sorted(set(pages) - set(listed)) == []


def test_a_link_to_nothing_is_named() -> None:
    with pytest.raises(LookupError, match=r"docs/service\.md links to nowhere\.md"):
        links.of_the_site("[here](nowhere.md)", "service.md")


def test_code_keeps_what_looks_like_a_link() -> None:
    assert links.of_the_site("```md\n[a](b.md)\n```\n", "service.md") == "```md\n[a](b.md)\n```\n"
