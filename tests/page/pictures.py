"""Takes the pictures of the page that stand in the docs: ``python -m tests.page.pictures``.

They are of a real run of ``dev`` on ``templates``. With pngquant on the machine (Debian's package) they become small.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.page import site
from tests.page.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCS = Path(__file__).resolve().parents[2] / "docs"
_DESK, _PHONE = {"width": 1280, "height": 820}, {"width": 390, "height": 820}


def main() -> int:
    """Take all of them; return an exit status."""
    with tempfile.TemporaryDirectory() as folder, site.developing(Path(folder) / "golden-paths") as dev:
        for browser in site.chromium():
            _list(_page(browser, "light", _DESK), dev, "dev-page-list")
            _files(_page(browser, "light", _DESK), dev, "dev-page-light")
            _changes(_page(browser, "dark", _DESK), dev, "dev-page-dark")
            _phone(_page(browser, "light", _PHONE), dev, "dev-page-phone")
    return 0


def _page(browser: "Browser", scheme: Literal["light", "dark"], size: dict[str, int]) -> "Page":
    page = browser.new_page(viewport={"width": size["width"], "height": size["height"]}, reduced_motion="reduce")
    page.emulate_media(color_scheme=scheme)
    return page


def _list(page: "Page", dev: Site, name: str) -> None:
    page.goto(dev.url)
    page.locator(".finding summary").nth(1).click()
    page.locator(".marked").nth(1).wait_for()
    _take(page, name)


def _files(page: "Page", dev: Site, name: str) -> None:
    _fill(page, dev)
    page.get_by_role("button", name="Next").click()
    page.get_by_label("It needs a database").check()
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".state.completed").wait_for()
    page.get_by_role("button", name="app.py").click()
    _take(page, name)


def _changes(page: "Page", dev: Site, name: str) -> None:
    _fill(page, dev)
    page.keyboard.press("Control+Enter")
    page.locator(".state.completed").wait_for()
    file = dev.folder / "service" / "content" / "Dockerfile"
    text = file.read_text()
    file.write_text(text.replace("3.13", "3.14").replace("EXPOSE", "USER nobody\nEXPOSE"))
    page.locator(".entry.changed").wait_for()
    page.get_by_label("Changes since the last run").check()
    page.locator(".diff .plus").first.wait_for()
    _take(page, name)
    file.write_text(text)


def _phone(page: "Page", dev: Site, name: str) -> None:
    _fill(page, dev)
    page.keyboard.press("Control+Enter")
    page.locator(".state.completed").wait_for()
    page.get_by_role("tab", name="Steps").click()
    page.locator(".timeline").wait_for()
    _take(page, name)


def _fill(page: "Page", dev: Site) -> None:
    page.goto(f"{dev.url}/#/t/service%2Ftemplate.yaml")
    page.get_by_label("Name").fill("shop")
    page.locator("#root_owner").click()
    page.locator("[role=option]", has_text="Payments").click()


def _take(page: "Page", name: str) -> None:
    file = DOCS / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    if smaller := shutil.which("pngquant"):
        subprocess.run([smaller, "--force", "--strip", "--ext", ".png", "--speed", "1", str(file)], check=True)
    sys.stdout.write(f"{file.name}: {file.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    sys.exit(main())
