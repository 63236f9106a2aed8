"""The page of ``backstage-py dev``: what it may be asked, and what a person does with it in a browser."""

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from backstage_py.cli.cases import testcases
from tests import patience
from tests.page import build, site
from tests.page.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("page")  # one server, one browser, one folder to build in
SERVICE = "service/template.yaml"
VALUES = {"name": "shop", "owner": "group:default/payments", "port": 8080}
AXE = build.WORK / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: hostile
  title: <img src=x onerror="document.title='broken'">
  description: |
    <script>document.title = 'broken'</script> <img src="http://127.0.0.1:9/a.png" onerror="document.title='broken'">
    [a link](javascript:document.title='broken') ![a picture](http://127.0.0.1:9/b.png) <a href="data:text/html,x">b</a>
spec:
  type: service
  parameters:
    - title: Pages that depend
      properties:
        kind: {title: Kind, type: string, enum: [plain, special], default: plain, description: "<b onclick=x>bold</b>"}
        token: {title: Token, type: string, ui:field: Secret, minLength: 4}
        shape: {title: Shape, type: string, ui:field: OurOwnPicker}
        tags: {title: Tags, type: array, items: {type: string}, minItems: 1}
      if: {properties: {kind: {const: special}}}
      then: {required: [reason], properties: {reason: {title: Reason, type: string}}}
    - title: Only for special ones
      when: "{{ kind }}"
      properties: {extra: {title: Extra, type: string, default: more}}
  steps:
    - {id: say, name: Say, action: debug:log, input: {message: "${{ parameters.kind }} ${{ secrets.token }}"}}
    - {id: fail, name: Fail, action: fs:delete, input: {files: ["../outside"]}}
""".replace('"{{ kind }}"', "${{ parameters.kind == 'special' }}")
MOCKED = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: mocked}
spec:
  type: service
  parameters:
    required: [system]
    properties: {system: {type: string}}
  steps:
    - {id: fetch, name: Fetch, action: catalog:fetch, input: {entityRef: "${{ parameters.system }}"}}
    - id: thing
      name: Make a thing
      action: acme:thing
      each: [1, 2]
      input: {of: "${{ steps.fetch.output.entity.spec.owner }}", token: "${{ secrets.token }}"}
  output:
    text: [{title: Made, content: "${{ steps.thing.output.made[0] }}"}]
"""
MOCKS = """\
# all that is not here
mocks:
  acme:thing: {output: {made: a thing}, files: {made.txt: "made\\n"}}
entities:
  - {kind: System, metadata: {name: core}, spec: {owner: us}}
findings: []
"""
RECORDED = "cases:\n  - name: one\n    values: {}\n"


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site.developing(tmp_path_factory.mktemp("dev") / "golden-paths") as running:
        (running.folder / "hostile").mkdir()
        (running.folder / "hostile" / "template.yaml").write_text(HOSTILE)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    yield from site.chromium()


@pytest.fixture
def page(browser: "Browser", dev: Site, request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A page that asked nothing of others, and had nothing to complain of.

    ``BACKSTAGE_PY_SCREENSHOTS`` names a folder that gets a picture of what it showed last.
    """
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    context.set_default_timeout(patience.SECONDS * 1000)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda one: None if one.url.startswith((dev.url, "data:")) else wrong.append(one.url))
    yield opened
    if folder := os.environ.get("BACKSTAGE_PY_SCREENSHOTS"):
        opened.screenshot(path=Path(folder) / f"{request.node.name}.png")
    context.close()
    assert wrong == []


def open_template(page: "Page", dev: Site, path: str) -> None:
    page.goto(f"{dev.url}/#/t/{quote(path, safe='')}")
    page.locator(".stepper").wait_for()


def choose(page: "Page", tab: str) -> None:
    page.get_by_role("tab", name=tab).click()


# --- what it may be asked


@pytest.mark.thorough
def test_only_this_machine_and_the_page_itself_are_answered(dev: Site) -> None:
    port = urlsplit(dev.url).port
    status, headers, text = dev.ask("/")
    run = "/workbench/run"
    refused = [
        dev.ask("/", headers={"host": "evil.example"}),
        dev.ask("/api/catalog/entities", headers={"host": f"evil.example:{port}"}),
        dev.ask("/workbench/overview", headers={"host": "127.0.0.1.evil.example"}),
        dev.ask("/workbench/overview", headers={"host": "evil.example@localhost"}),
        dev.ask("/workbench/overview", headers={"sec-fetch-site": "same-site"}),
        dev.ask(run, {}, {"origin": "http://localhost:3000"}),
        dev.ask(run, {}, {"origin": "null"}),
        dev.ask(run, {}, {"content-type": "text/plain"}),
    ]
    answered = [
        dev.ask("/workbench/overview", headers={"host": f"localhost:{port}", "sec-fetch-site": "same-origin"}),
        dev.ask("/workbench/overview", headers={"host": "[::1]:7007"}),
        dev.ask("/workbench/entities", {}, {"origin": dev.url}),
        dev.ask("/api/scaffolder/v2/actions", headers={"origin": "http://localhost:3000"}),
    ]

    assert (status, "/page/page.js" in text) == (200, True)
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert [one[0] for one in refused] == [403] * 8
    assert [one[0] for one in answered] == [200, 200, 200, 401]
    unknown = [dev.ask(f"/workbench/template?path={quote(one)}")[0] for one in ("../x.yaml", "/etc/passwd", "")]
    assert unknown == [404] * 3


@pytest.mark.thorough
def test_pickers_get_entities_of_the_folder_or_made_up_ones(dev: Site) -> None:
    def refs(wanted: object) -> tuple[list[str], bool]:
        found = dev.post("/workbench/entities", {"filter": wanted})[1]
        return [one["ref"] for one in found["entities"]], found["madeUp"]

    assert refs({"kind": "Group"}) == (["group:default/payments", "group:default/search"], False)
    assert refs([{"kind": "user"}, {"kind": "group", "metadata.name": ["search"]}]) == (
        ["group:default/search", "user:default/jane.doe"],
        False,
    )
    assert refs({"kind": "Group", "metadata.description": {"exists": True}}) == (["group:default/payments"], False)
    assert refs({"kind": ["Component"], "spec.type": "library"}) == (
        ["component:default/shop", "component:default/checkout"],
        True,
    )
    assert dev.post("/workbench/entities", {"filter": "kind=group"})[0] == 400


@pytest.mark.thorough
def test_a_run_tells_what_happens_and_knows_what_the_test_file_has(dev: Site) -> None:
    folder = dev.folder / "mocked"
    folder.mkdir()
    (folder / "template.yaml").write_text(MOCKED)
    (folder / "template.test.yaml").write_text(MOCKS)

    path = {"path": "mocked/template.yaml"}
    values = {"values": {"system": "system:default/core"}, "secrets": {"token": "s3cret-token"}}
    offered = dev.post("/workbench/entities", path | {"filter": {"kind": "System"}})[1]
    _, _, text = dev.ask("/workbench/run", path | values)
    events = [(event, json.loads(data)) for event, data in re.findall("event: (.*)\ndata: (.*)\n", text)]
    _, _, refused = dev.ask("/workbench/run", path | {"values": {"system": 5}})
    status, answer = dev.post("/workbench/case", path | {"name": "one", "values": {}})

    assert [one["ref"] for one in offered["entities"]] == ["system:default/core"]
    assert events[0][0] == "steps"
    told = {(one["stepId"], event): one["value"] for event, one in events if event in ("inputs", "output")}
    assert told["fetch", "output"]["entity"]["spec"] == {"owner": "us"}
    assert told["thing", "inputs"] == [{"of": "us", "token": "***"}, {"of": "us", "token": "***"}]
    assert told["thing", "output"] == {"made": ["a thing", "a thing"]}
    event, done = events[-1]
    assert (event, done["error"], done["output"]["text"][0]["content"]) == ("done", None, "a thing")
    assert base64.b64decode(done["files"][0]["base64Content"]) == b"made\n"
    assert (status, (folder / "template.test.yaml").read_text()) == (201, MOCKS + RECORDED), answer
    assert "s3cret-token" not in text
    assert "system" in json.loads(refused.rpartition("data: ")[2])["error"]["message"]


@pytest.mark.thorough
def test_a_recorded_case_stands_beside_the_template_and_passes(dev: Site) -> None:
    folder = dev.folder / "recorded"
    shutil.copytree(site.TEMPLATES / "service", folder)
    path, file = "recorded/template.yaml", folder / "template.test.yaml"
    before = file.read_text()
    (folder / "other.test.yaml").write_text("template: other.yaml\ncases: [{name: a}]\n")
    tree = [{"path": "bin/run", "base64Content": base64.b64encode(b"#!/bin/sh\n").decode(), "executable": True}]
    values = VALUES | {"notes": "two\n\nlines: # here\n", "list": [1, {"a": None}]}

    status, answer = dev.post("/workbench/case", {"path": path, "name": "whole", "values": values, "tree": tree})
    again, _ = dev.post("/workbench/case", {"path": path, "name": "whole", "values": {}})
    expect = {"error": "does not match pattern"}
    more = {"path": path, "name": "fails", "values": VALUES | {"name": "No!"}, "expect": expect}
    assert dev.post("/workbench/case", more)[0] == 201

    assert (status, answer, again) == (201, {"file": "recorded/template.test.yaml", "line": 9}, 409)
    assert file.read_text().startswith(before)
    assert [one.values for one in testcases.load(file)][1] == values
    assert (folder / "golden" / "whole" / "bin" / "run").stat().st_mode & 0o111
    _, found = dev.post("/workbench/test", {"path": path})
    assert [(one["name"], bool(one["differences"])) for one in found["cases"]] == [
        ("without a database", False),
        ("whole", True),
        ("fails", False),
    ]
    assert "recorded/golden/whole" in found["cases"][1]["differences"][0]


@pytest.mark.parametrize(
    "kept", ["cases: [{name: a}]\n", "cases: {}\n", "cases:\n  - name: a\n   broken", "- 1\n", None]
)
def test_a_file_that_cannot_be_added_to_stays_as_it_is(dev: Site, tmp_path: Path, kept: str | None) -> None:
    folder = dev.folder / "odd"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(site.TEMPLATES / "library", folder)
    file, outside = folder / "template.test.yaml", tmp_path / "outside.yaml"
    outside.write_text("cases:\n  - name: a\n")
    if kept is None:
        file.symlink_to(outside)
    else:
        file.write_text(kept)

    status, answer = dev.post("/workbench/case", {"path": "odd/template.yaml", "name": "new", "values": {}})

    assert status == 400, answer
    assert file.read_text() == (kept or outside.read_text())
    assert outside.read_text() == "cases:\n  - name: a\n"
    assert sorted(one.name for one in folder.iterdir()) == ["template.test.yaml", "template.yaml"]


def test_the_first_case_makes_the_file(dev: Site) -> None:
    folder = dev.folder / "first"
    folder.mkdir()
    (folder / "other.yaml").write_text((site.TEMPLATES / "library" / "template.yaml").read_text())

    status, answer = dev.post("/workbench/case", {"path": "first/other.yaml", "name": "plain", "values": {}})

    assert (status, answer["file"]) == (201, "first/other.test.yaml")
    (case,) = testcases.load(folder / "other.test.yaml")
    assert (case.name, case.template) == ("plain", folder / "other.yaml")


# --- in a browser


@pytest.mark.thorough
def test_a_template_is_filled_in_run_changed_and_recorded(dev: Site, page: "Page") -> None:
    page.goto(dev.url)
    docs = page.locator(".cards > li", has_text="docs/template.yaml")
    docs.get_by_text("2 errors").wait_for()
    docs.get_by_text('publish:github requires the input "repoUrl"').click()
    docs.locator(".marked", has_text="input:").wait_for()

    page.locator(".cards > li", has_text=SERVICE).get_by_role("link").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("alert").get_by_text("must have required property 'Name'").wait_for()
    page.get_by_label("Name").fill("Shop!")
    page.locator("#root_owner").click()
    page.keyboard.type("pay")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("alert").get_by_text('must match pattern "^[a-z0-9-]+$"').wait_for()
    page.get_by_label("Name").fill("shop")
    page.get_by_role("button", name="Next").click()
    assert page.get_by_label("Engine").count() == 0
    page.get_by_label("It needs a database").check()
    page.get_by_label("Engine").select_option(label="MySQL")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Review").last.click()
    page.get_by_role("alert").get_by_text("Incomplete repository location provided, repo not provided").wait_for()
    page.get_by_label("Repository").fill("shop")
    page.get_by_role("button", name="Review").last.click()
    page.locator(".review", has_text="github.com?owner=acme&repo=shop").wait_for()
    page.get_by_role("button", name="Create").click()

    page.locator(".state.completed", has_text="4 steps").wait_for()
    page.get_by_role("button", name="app.py").click()
    page.locator(".viewer .hl-string", has_text='"mysql"').wait_for()
    readme = dev.folder / "service" / "content" / "README.md"
    readme.write_text(readme.read_text().replace("A service of", "The service of"))
    page.get_by_label("Changes since the last run").check()
    page.locator(".diff .plus", has_text="The service of group:default/payments").wait_for()
    page.locator(".diff .minus", has_text="A service of group:default/payments").wait_for()

    choose(page, "Steps")
    said = page.locator(".step", has_text="Say what was made")
    assert '"message": "shop listens on 8080"' in said.locator(".part", has_text="Input").inner_text()
    assert "shop listens on 8080" in said.locator(".part", has_text="Log").inner_text()
    publish = page.locator(".step.skipped", has_text="publish:github")
    assert "remoteUrl" in publish.locator(".part", has_text="Output").inner_text()
    choose(page, "Output")
    page.get_by_text("python -m shop").first.wait_for()

    page.get_by_role("button", name="Record case").click()
    page.locator("#case-name").fill("with MySQL")
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_text("service/template.test.yaml:9").first.wait_for()
    page.locator(".case", has_text="with MySQL").wait_for()
    page.get_by_role("button", name="Run all").click()
    page.locator(".case.completed", has_text="with MySQL").wait_for()
    page.locator(".case.completed", has_text="without a database").wait_for()
    assert (dev.folder / "service" / "golden" / "with-mysql" / "Dockerfile").is_file()

    template = dev.folder / SERVICE
    text = template.read_text()
    template.write_text(text.replace("title: Python service", "title: 'A service"))
    page.get_by_role("alert").get_by_text("Below is the form as it was before").wait_for()
    template.write_text(text.replace("title: Python service", "title: Service in Python"))
    page.get_by_role("heading", name="Service in Python").wait_for()
    template.write_text(text)


@pytest.mark.thorough
def test_what_templates_say_is_text_and_secrets_stay_hidden(dev: Site, page: "Page") -> None:
    page.goto(dev.url)
    page.get_by_role("link", name="onerror").wait_for()
    open_template(page, dev, "hostile/template.yaml")
    page.get_by_text("a link").wait_for()
    hrefs = page.locator(".heading a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert hrefs == ["http://127.0.0.1:9/a.png", "http://127.0.0.1:9/b.png"]
    assert page.locator("main img, main script, main b[onclick]").count() == 0
    page.get_by_text("OurOwnPicker is your Backstage's own").wait_for()

    page.get_by_label("Token").fill("s3cret-token")
    page.get_by_role("button", name="Add item").click()
    page.locator("#root_tags_0").fill("one")
    page.locator("#root_tags_1").fill("two")
    assert page.locator(".stepper li").count() == 2
    page.get_by_label("Kind").select_option("special")
    page.get_by_label("Reason").fill("so that")
    page.locator(".stepper li", has_text="Only for special ones").wait_for()
    page.get_by_text("Values as they are sent").click()
    page.get_by_label("User").fill("user:default/jane.doe")
    page.keyboard.press("Control+Enter")
    page.locator(".failure").wait_for()
    page.get_by_role("tab", name="Steps", selected=True).wait_for()
    assert "***" in page.locator(".step", has_text="debug:log").inner_text()
    assert page.locator(".step.failed", has_text="fs:delete").count() == 1
    assert "s3cret-token" not in page.content()
    assert "s3cret-token" not in str(page.evaluate("JSON.stringify(sessionStorage)"))

    page.get_by_role("button", name="Record case").click()
    page.locator("#case-name").fill("refused")
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_role("button", name="Run refused").click()
    page.locator(".case.completed", has_text="refused").wait_for()
    (case,) = testcases.load(dev.folder / "hostile" / "template.test.yaml")
    assert (case.user, case.values["token"], case.values["kind"]) == ("user:default/jane.doe", "*" * 12, "special")
    assert "s3cret-token" not in case.file.read_text()
    assert page.title() != "broken"


@pytest.mark.thorough
@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 360)])
def test_everyone_can_use_it(browser: "Browser", dev: Site, scheme: str, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is missing: ./dev page installs it")
    context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(patience.SECONDS * 1000)
    page = context.new_page()
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")

    def examine(what: str) -> None:
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
        told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]
        assert told == [], what
        assert page.evaluate("document.documentElement.scrollWidth") <= width, what

    page.goto(dev.url)
    page.evaluate(AXE.read_text(encoding="utf-8"))  # once: views change without loading
    page.locator(".finding summary").first.click()
    examine("list")
    page.locator(".cards > li", has_text=SERVICE).get_by_role("link").click()
    page.get_by_label("Name").fill("shop")
    page.locator("#root_owner").click()
    page.locator("[role=option]").first.wait_for()
    examine("form")
    page.keyboard.press("Enter")
    page.locator("[role=option]").first.wait_for(state="hidden")
    page.keyboard.press("Control+Enter")
    page.locator(".run-line .completed, .run-line .failed").wait_for()
    for tab in ("Files", "Steps", "Output", "Cases"):
        choose(page, tab)
        examine(tab)
    page.get_by_role("button", name="Record case").click()
    examine("dialog")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Cases").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="Findings", selected=True).wait_for()
    context.close()


def test_the_page_is_built_of_its_sources() -> None:
    if not AXE.is_file():
        pytest.skip("the npm packages of the page are missing: ./dev page installs them")
    assert build.main(["--check"]) == 0


def test_the_forms_validator_says_what_ajv_says() -> None:
    if not AXE.is_file():
        pytest.skip("the npm packages of the page are missing: ./dev page installs them")
    build.build(build.WORK)
    found = json.loads(build.compare_validators(build.WORK).splitlines()[-1])
    assert found["differences"] == []
    assert found["compared"] > 1_000


def test_no_registry_stands_in_the_lock_file() -> None:
    lock = json.loads((build.SOURCES / "package-lock.json").read_text())
    assert lock["packages"]
    assert not [name for name, one in lock["packages"].items() if "resolved" in one]
    assert not re.findall(r"https?://(?!www\.w3\.org|127\.0\.0\.1)[\w.-]+", (build.BUILT / "index.html").read_text())
