"""Somebody who uses the frontend in Chromium and notes whatever goes wrong behind the pages."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Request, Response, sync_playwright

from tests.browser.backends import DELEGATED, Stack

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE_MS = 20_000
_PLUGIN = re.compile(r"^/api/([^/]+)/")
_FOLDER_CHOICE = """
window.showDirectoryPicker = async () => {
  const root = await navigator.storage.getDirectory();
  for (const ask of ['queryPermission', 'requestPermission']) {
    FileSystemHandle.prototype[ask] ??= async () => 'granted';
  }
  return root.getDirectoryHandle('template', { create: true });
};
"""
"""The native dialog cannot be driven; the page's own private file system takes the place of the chosen folder."""


class Visitor:
    """A signed-in guest in front of one page.

    ``complaints`` lists what the backends refused, what could not be reached or read across origins, and what the
    page wrote to the console as an error; ``delegation_faults`` what was asked of the wrong backend.
    """

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._asked: set[tuple[str, str]] = set()
        self._stack = stack
        page.set_default_timeout(_PATIENCE_MS)
        page.add_init_script(_FOLDER_CHOICE)
        page.on("response", self._on_response)
        page.on("requestfailed", self._on_failure)
        page.on("console", self._on_console)
        page.on("pageerror", self._on_page_error)

    def sign_in(self) -> None:
        """Enter as the guest."""
        self.page.goto(self._stack.url)
        self.click("Enter")
        self.sees("All Components")

    def open(self, path: str, *shows: str) -> None:
        """Load a page and wait for some texts."""
        self.page.goto(self._stack.url + path)
        for text in shows:
            self.sees(text)

    def sees(self, text: str, *, within: str = "body") -> None:
        """Wait until a text is visible."""
        self.page.locator(within).get_by_text(text).locator("visible=true").first.wait_for()

    def button(self, name: str) -> Locator:
        """Return the first button of that name."""
        return self.page.get_by_role("button", name=name, exact=True).first

    def click(self, *names: str) -> None:
        """Press buttons, one after the other."""
        for name in names:
            self.button(name).click()

    def choose(self, item: str) -> None:
        """Open the menu of the page and take an item."""
        menu = self.page.get_by_test_id("menu-button").or_(self.page.get_by_role("button", name="more")).first
        menu.click()
        self.page.get_by_role("menu").get_by_text(item).click()

    def text(self, within: str = "body") -> str:
        """Return what is visible in a part of the page."""
        return str(self.page.locator(within).first.inner_text())

    def forgive(self, pattern: str) -> None:
        """Drop the complaints that a test provokes; without one the test fails.

        Chromium reports a refused request a second time, on the console; that line goes too.
        """
        forgiven = [one for one in self.complaints if re.search(pattern, one)]
        assert forgiven, f"nothing of {self.complaints} is like {pattern!r}"
        self.complaints = [
            one for one in self.complaints if one not in forgiven and not one.startswith("console: Failed to load")
        ]

    def delegation_faults(self) -> list[str]:
        """Return the plugins that were asked of the backend that is not to serve them."""
        if self._stack.kind != DELEGATED:
            return []
        theirs, ours = self._stack.apis
        wanted = {"catalog": ours, "scaffolder": ours}
        return [f"{plugin} at {api}" for api, plugin in sorted(self._asked) if api != wanted.get(plugin, theirs)]

    def _on_response(self, response: Response) -> None:
        url = urlsplit(response.url)
        api = f"{url.scheme}://{url.netloc}"
        if api not in self._stack.apis:
            return
        if found := _PLUGIN.match(url.path):
            self._asked.add((api, found[1]))
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.request.method} {response.url}: {_body(response)}")

    def _on_failure(self, request: Request) -> None:
        """A request that the page itself gives up (it left, or has read its stream to the end) is none."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.failure} {request.method} {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _on_page_error(self, error: Error) -> None:
        self.complaints.append(f"uncaught: {error}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser: the one that ``BACKSTAGE_PY_CHROMIUM`` names, that of the machine, or Playwright's own."""
    path = os.environ.get("BACKSTAGE_PY_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def _body(response: Response) -> str:
    try:
        return str(response.text())[:400]
    except Error:
        return "(the page left before the answer was read)"
