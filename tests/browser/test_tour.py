import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import backends
from tests.browser.backends import Stack
from tests.browser.visitor import Visitor, chromium

_COMPONENT = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: imported
spec:
  type: service
  lifecycle: experimental
  owner: team-a
"""
_PROCESSING_MS = 5_000
"""Until Backstage's own catalog has read a new location; before that its link leads to "Entity not found"."""

_LOOKS, _BETWEEN_LOOKS_MS = 10, 2_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module", params=backends.kinds())
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with backends.stack(request.param, tmp_path_factory.mktemp("stack")) as running:
        (running.folder / "files" / "catalog-info.yaml").write_text(_COMPONENT)
        yield running


@pytest.fixture
def guest(browser: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    visitor = Visitor(page, stack)
    try:
        visitor.sign_in()
        yield visitor
        assert visitor.complaints == []
        assert visitor.delegation_faults() == []
    finally:
        if folder := os.environ.get("BACKSTAGE_PY_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / (re.sub(r"[^\w-]+", "-", request.node.name) + ".png"))
        page.close()


def test_the_index_lists_components_with_owners_and_systems(guest: Visitor) -> None:
    guest.sees("All Components (2)")
    guest.sees("The A Team", within="table")
    guest.sees("sys-1", within="table")
    guest.page.get_by_placeholder("Search").last.fill("api")
    guest.sees("All Components (1)")


def test_the_index_filters_by_kind_owner_and_tag(guest: Visitor) -> None:
    guest.open("/?filters[kind]=component&filters[owners]=user:default/alice&filters[user]=all", "All Components (1)")
    assert "api-server" in guest.text("table")
    guest.open("/?filters[kind]=component&filters[tags]=react&filters[user]=all", "All Components (1)")
    assert "Web front" in guest.text("table")
    guest.open("/?filters[kind]=template&filters[user]=all", "Basic template", "Slow template")


def test_an_entity_shows_its_relations_and_can_be_refreshed(guest: Visitor) -> None:
    guest.open(
        "/catalog/default/component/web", "A web front end", "Depends on components", "missing-group", "petstore"
    )
    guest.page.get_by_title("Schedule entity refresh").first.click()
    guest.sees("Refresh scheduled")


def test_an_entity_can_be_inspected(guest: Visitor) -> None:
    guest.open("/catalog/default/component/web", "A web front end")
    guest.choose("Inspect entity")
    guest.page.get_by_role("tab", name="Ancestry").click()
    guest.sees("anchor-all", within="[role=dialog]")
    guest.page.get_by_role("tab", name="Raw YAML").click()
    guest.sees("lifecycle: production", within="[role=dialog]")


def test_a_group_shows_its_parent_and_what_it_owns(guest: Visitor) -> None:
    guest.open("/catalog/default/group/team-a", "The A Team", "group:default/team-a", "Parent Group", "playback")


def test_the_graph_goes_as_far_as_relations_do(guest: Visitor) -> None:
    guest.open("/catalog-graph?rootEntityRefs[]=component:default/web", "Web front", "petstore", "Guest User")


def test_a_catalog_file_is_analyzed_imported_and_unregistered(guest: Visitor, stack: Stack) -> None:
    _analyze(guest, f"http://{stack.files}/catalog-info.yaml")
    guest.click("Import")
    guest.sees("The following entities have been added to the catalog")
    if stack.kind == backends.REFERENCE:
        guest.page.wait_for_timeout(_PROCESSING_MS)
    guest.page.get_by_text("View Component").click()
    guest.page.wait_for_url("**/catalog/default/component/imported")
    guest.sees("The A Team")
    guest.choose("Unregister entity")
    guest.click("Unregister Location")
    guest.sees("All Components (2)")


def test_a_catalog_file_that_is_missing_says_so(guest: Visitor, stack: Stack) -> None:
    _analyze(guest, f"http://{stack.files}/missing.yaml")
    guest.sees("Unable to read url, no matching files found")
    guest.forgive(r"400 POST .*/api/catalog/locations\?dryRun=true")


def test_a_form_becomes_a_task_with_log_and_output(guest: Visitor) -> None:
    guest.open("/create", "Basic template", "recommended")
    guest.open("/create/templates/default/basic", "Basics")
    guest.page.get_by_label("Name").first.fill("my-thing")
    guest.page.get_by_label("Owner").first.click()
    guest.page.get_by_role("option", name="The A Team").click()
    guest.click("Next", "Review")
    guest.sees("my-thing")
    guest.click("Create")
    guest.page.wait_for_url("**/create/tasks/*")
    guest.sees("Finished step Each")
    guest.sees("Summary")
    assert "Created my-thing" in guest.text()
    guest.open("/create/tasks", "Basic template", "completed", "Guest User")


def test_a_form_with_a_wrong_value_stays(guest: Visitor) -> None:
    guest.open("/create/templates/default/basic", "Basics")
    guest.page.get_by_label("Name").first.fill("Not a name")
    guest.click("Next")
    guest.sees("must match pattern")
    guest.forgive("console: Form validation failed")


def test_a_running_task_shows_its_log_live_and_can_be_cancelled(guest: Visitor) -> None:
    guest.open("/create/templates/default/slow", "Slow template")
    guest.click("Create", "Show Logs")
    guest.sees("Beginning step Wait")
    assert "Finished step Wait" not in guest.text()
    guest.click("Cancel")
    guest.page.locator("button:disabled", has_text="Cancel").first.wait_for()
    assert "Beginning step Log" not in guest.text()
    # The page stops reading at the event `cancelled`, so only the list shows how the task ended, as of its loading.
    ended = guest.page.get_by_role("row").filter(has_text="Slow template").get_by_text("failed")
    for _ in range(_LOOKS):
        guest.open("/create/tasks", "Slow template")
        if ended.is_visible():
            break
        guest.page.wait_for_timeout(_BETWEEN_LOOKS_MS)
    ended.wait_for()


def test_a_task_that_failed_says_why_and_can_start_over(guest: Visitor) -> None:
    guest.open("/create/templates/default/failing", "Failing template")
    guest.click("Create")
    guest.sees("Invalid input passed to action fs:delete")
    guest.sees("Skipping step after because a previous step failed")
    guest.page.reload()
    guest.sees("Invalid input passed to action fs:delete")
    guest.choose("Start Over")
    guest.page.wait_for_url("**/create/templates/default/failing*")


def test_the_actions_page_shows_inputs_outputs_and_examples(guest: Visitor) -> None:
    guest.open("/create/actions", "debug:wait")
    guest.page.get_by_text("fetch:template", exact=True).first.click()
    guest.sees("copyWithoutTemplating")
    guest.sees("Examples")


def test_the_templating_extensions_page_shows_filters_and_globals(guest: Visitor) -> None:
    guest.open("/create/templating-extensions", "parseRepoUrl", "Parses a repository URL", "projectSlug")


def test_the_editor_runs_a_template_dry(guest: Visitor) -> None:
    guest.open("/create/edit", "Create New Template")
    guest.page.get_by_text("Create New Template").click()
    guest.sees("Fill in some steps")
    guest.page.get_by_label("Name").first.fill("dry-thing")
    guest.click("Next")
    guest.sees("Repository Location")
    guest.page.get_by_label("Owner").last.fill("acme")
    guest.page.get_by_label("Repository").last.fill("dry-thing")
    guest.page.keyboard.press("Tab")
    guest.click("Review")
    guest.click("Create")
    guest.sees("Result 1")
    guest.sees("catalog-info.yaml")
    guest.sees("This service is named dry-thing!")
    guest.page.get_by_role("tab", name="Log").click()
    guest.sees("Finished step Fetch Base")


def test_the_golden_path_ends_in_a_repository_that_can_be_imported(guest: Visitor, stack: Stack) -> None:
    if not stack.has_git_host:
        pytest.skip("Backstage alone has no git host to publish to")
    guest.open("/create/templates/default/go-microservice", "Service details")
    guest.page.get_by_label("name").first.fill("shop")
    guest.page.get_by_label("team").first.click()
    guest.page.get_by_role("option", name="payments").click()
    guest.page.get_by_label("Provision a Postgres database?").check()
    guest.click("Review", "Create")
    guest.sees("Finished step Provision database")
    guest.open("/catalog/default/component/shop", "shop")
    _analyze(guest, "https://github.com/org/shop")
    guest.sees("https://github.com/org/shop/blob/main/catalog-info.yaml")


def _analyze(guest: Visitor, url: str) -> None:
    guest.open("/catalog-import", "Select URL")
    guest.page.locator("input[name=url]").fill(url)
    guest.click("Analyze")
