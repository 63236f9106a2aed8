"""What Backstage's published advisories describe, tried here. A test names its advisory, here or wherever it stands.

``SECURITY.md`` lists them all: the test that tries each, or why it does not apply; ``test_security_policy`` checks it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from backstage_py.errors import BackstageError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import location_ref
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import ActionContext, PermanentError, Services, action
from tests.actions.harness import REGISTRY, Task
from tests.catalog.harness import Web, component, location
from tests.catalog.harness import catalog as running_catalog
from tests.http import scaffolder_site
from tests.http.test_catalog_http import Catalog, site  # noqa: F401  # a fixture
from tests.integrations.web_host import WebHost
from tests.permissions.fake_backstage import FakeBackstage
from tests.permissions.policed_site import COMPONENTS, OTHER, OWNER, TASKS, running
from tests.scaffolder.harness import GUEST, body, template, world

SECRET = "s3cret-of-the-operator"
CLIMBING = ["../outside", "/etc", "a/../../outside", "link", "chain/x", "dangling"]
"""Ways out of a workspace; the last three are links that an earlier step left there."""


@action("test:fail")
def fail(ctx: ActionContext[dict[str, Any]]) -> None:
    raise PermanentError(f"refused: {ctx.input}") from ValueError(str(ctx.secrets))


@action("test:say", dry_run=True)
def say(ctx: ActionContext[dict[str, Any]]) -> None:
    ctx.logger.info(str(ctx.input))


@pytest.mark.thorough(sample=15)
@pytest.mark.parametrize(
    "expression",
    [
        "''.constructor.constructor('return process')()",
        "''.__class__.__mro__[1].__subclasses__()",
        "range.constructor('return global.process.mainModule.require')()",
        "cycler.__init__.__globals__.os.popen('id').read()",
        "({}).toString.constructor('return this')()",
        "[].constructor.constructor('return 1')()",
        "parseRepoUrl.constructor('return 1')()",
        "self.__init__.__globals__",
        "lipsum.__globals__",
        "joiner.__func__.__globals__",
    ],
)
async def test_an_expression_does_not_reach_the_host(tmp_path: Path, expression: str) -> None:
    """GHSA-2g8g-63j4-9w3r and CVE-2023-35926: templates ran code on the server through their language."""
    steps = [{"id": "s", "action": "test:say", "input": {"found": f"${{{{ {expression} }}}}"}}]
    async with world(tmp_path, say, start=False) as w:
        sent = {"template": template(*steps), "values": {}, "directoryContents": []}
        answer = await scaffolder_site.post(scaffolder_site.site(w), "/v2/dry-run", sent)
    assert answer.status == 200, answer.body
    shown = "".join(one["body"]["message"] for one in answer.json["log"])
    assert any(text in shown for text in (expression, "{}", "'found': ''", "'found': None")), shown


def github_at(host: WebHost) -> ScmRegistry:
    return ScmRegistry(
        [ScmIntegration("github", "github.com", "github.com", host.url, None, "integration's token", {})]
    )


@pytest.fixture
def left_behind(task: Task) -> Task:
    """A workspace with links that lead out, and something outside."""
    root = task.workspace.root
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "x").write_text(SECRET)
    (root / "link").symlink_to("../outside")
    (root / "chain").symlink_to("link")
    (root / "dangling").symlink_to("../made")
    (root / "inside").write_text("i")
    return task


@pytest.mark.parametrize("path", CLIMBING)
@pytest.mark.parametrize(
    ("action_id", "given", "name"),
    [
        ("fetch:plain", {"url": "./skeleton"}, "targetPath"),
        ("fetch:plain:file", {"url": "./skeleton/a"}, "targetPath"),
        ("fetch:template", {"url": "./skeleton"}, "targetPath"),
        ("fetch:template:file", {"url": "./skeleton/a"}, "targetPath"),
        ("roadiehq:utils:fs:write", {"content": "x"}, "path"),
        ("roadiehq:utils:fs:append", {"content": "x"}, "path"),
        ("catalog:write", {"entity": {"kind": "x"}}, "filePath"),
    ],
)
async def test_no_action_writes_outside_its_workspace(
    left_behind: Task, action_id: str, given: dict[str, Any], name: str, path: str
) -> None:
    """CVE-2021-43783, CVE-2024-26150 and CVE-2026-24047: paths and links led actions out of the workspace."""
    left_behind.skeleton(skeleton__a="new")
    target = path if REGISTRY.get(action_id).id in {"fetch:plain", "fetch:template"} else f"{path}/x"
    target = "dangling" if path == "dangling" else target
    with pytest.raises((BackstageError, OSError)):
        await left_behind.run(action_id, {**given, name: target})
    outside = left_behind.workspace.root.parent
    assert (outside / "outside" / "x").read_text() == SECRET
    assert not (outside / "made").exists()


@pytest.mark.parametrize("path", CLIMBING)
async def test_no_action_reads_moves_or_deletes_outside_its_workspace(left_behind: Task, path: str) -> None:
    """CVE-2026-24046: links in a workspace led ``debug:log`` and ``fs:delete`` to files of the server."""
    for action_id, given in (
        ("fs:delete", {"files": [f"{path}/x"]}),
        ("fs:rename", {"files": [{"from": f"{path}/x", "to": "y"}]}),
        ("fs:rename", {"files": [{"from": "inside", "to": f"{path}/y"}]}),
        ("roadiehq:utils:fs:parse", {"path": f"{path}/x"}),
    ):
        try:
            result = await left_behind.run(action_id, given)
        except (BackstageError, OSError):
            continue
        assert SECRET not in json.dumps(result.outputs), action_id
    shown = await left_behind.run("debug:log", {"listWorkspace": "with-contents"})
    assert SECRET not in "".join(shown.log.messages)
    assert (left_behind.workspace.root.parent / "outside" / "x").read_text() == SECRET


@pytest.mark.parametrize("path", ["../outside", "/etc", "link", "chain"])
async def test_nothing_outside_the_workspace_is_published(left_behind: Task, victim: WebHost, path: str) -> None:
    """CVE-2021-41151: ``sourcePath`` put files of the server into a pull request."""
    left_behind.services = Services(integrations=github_at(victim))
    given = {"repoUrl": "github.com?owner=o&repo=r", "branchName": "b", "title": "t", "description": "d"}
    with pytest.raises(BackstageError, match="outside its parent"):
        await left_behind.run("publish:github:pull-request", {**given, "sourcePath": path})
    assert all(request.method == "GET" for request in victim.requests)


@pytest.mark.parametrize(
    "path",
    ["%2e%2e/%2e%2e/%2e%2e/user", "..%2f..%2f..%2fuser", "%252e%252e/%252e%252e/user", "a/%2e%2e/%2e%2e/%2e%2e/user"],
)
async def test_an_encoded_climb_reaches_no_other_endpoint_of_a_git_host(victim: WebHost, path: str) -> None:
    """CVE-2026-29185: encoded ``..`` in a file's URL led to other addresses of the API, with a token."""
    hosts = github_at(victim)
    async with HttpClient(listed(hosts, [])) as http:
        for url in (f"https://github.com/o/r/blob/main/{path}", f"https://github.com/o/r/tree/main/{path}"):
            with pytest.raises(BackstageError):
                await UrlReading(http, hosts, []).read(url)
    assert not [one.raw_path for one in victim.requests if not one.path.startswith("/repos/o/r/")]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "hasOwnProperty", "__proto__.x", "prototype"])
async def test_names_of_a_prototype_are_names_like_others(site: Catalog, name: str) -> None:  # noqa: F811  # the fixture
    """CVE-2024-45815: a query with such a name ended the catalog."""
    for query in (f"filter={name}=x", f"filter={name}", f"fields={name}", f"order=asc:{name}"):
        assert (await site.get(f"/entities?{query}")).status == 200
    for query in (f"orderField={name},asc", f"fields={name}", f"fullTextFilterTerm=x&fullTextFilterFields={name}"):
        assert (await site.get(f"/entities/by-query?{query}")).status == 200
    assert (await site.get(f"/entity-facets?facet={name}")).status == 200
    assert (await site.send("POST", "/entities/by-query", {"query": {name: "x"}})).status == 200
    assert len((await site.get("/entities?filter=kind=component")).json) == 25


async def test_a_location_that_was_read_from_the_web_reads_no_file(tmp_path: Path) -> None:
    """CVE-2026-106496: a location of the type ``file`` was read wherever it came from."""
    (tmp_path / "secret.yaml").write_text(component("stolen"))
    inner = location("l", str(tmp_path / "secret.yaml")).replace("spec:\n", "spec:\n  type: file\n")
    async with running_catalog(tmp_path, Web({"/l.yaml": inner})) as world_:
        await world_.register("/l.yaml")
        assert not await world_.has("component:default/stolen")
        site = location_ref.LocationRef("file", str(tmp_path / "secret.yaml"))
        with pytest.raises(BackstageError):
            await world_.service.register(site.type, site.target)


async def test_neither_log_nor_events_show_what_a_skeleton_gets(tmp_path: Path) -> None:
    """CVE-2025-55285: ``fetch:template`` logged its values, secrets included, before they were masked."""
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "a").write_text("${{ values.token }}")
    entity = template(
        {"id": "f", "action": "fetch:template", "input": {"url": "./skeleton", "values": {"token": "${{ secrets.t }}"}}}
    )
    place = f"file:{tmp_path}/template.yaml"
    entity["metadata"]["annotations"] = {
        "backstage.io/managed-by-location": place,
        "backstage.io/managed-by-origin-location": place,
    }
    with capture_logs() as logged:
        async with world(tmp_path, REGISTRY.get("fetch:template")) as w:
            events = await w.run(entity, {}, {"t": SECRET})
    assert body(events[-1])["message"] == "Run completed with status: completed"
    assert SECRET not in "\n".join(event.body for event in events) + str(logged)


async def test_rounds_and_failures_show_no_secret(tmp_path: Path) -> None:
    """CVE-2026-106499 and CVE-2026-106502: rounds of ``each`` and failures told values made of secrets."""
    rounds = {
        "id": "s",
        "action": "test:say",
        "each": "${{ [secrets.t, secrets.t | upper] }}",
        "input": {"m": "${{ each }}"},
    }
    failing = {"id": "f", "action": "test:fail", "input": {"m": "${{ secrets.t | reverse }}"}}
    with capture_logs() as logged:
        async with world(tmp_path, say, fail) as w:
            events = [
                *await w.run(template(rounds), {}, {"t": SECRET}),
                *await w.run(template(failing), {}, {"t": SECRET}),
            ]
    shown = "\n".join(event.body for event in events) + str(logged)
    assert not [form for form in (SECRET, SECRET.upper(), SECRET[::-1]) if form in shown]


async def test_a_task_shows_nothing_that_only_its_run_needs(tmp_path: Path) -> None:
    """CVE-2026-106501: reading somebody's task gave data of its execution; CVE-2026-106506: lists sorted by secrets."""
    async with world(tmp_path, say, start=False) as w:
        app = scaffolder_site.site(w)
        task_id = await w.create(template({"id": "s", "action": "test:say", "input": {}}), {}, {"t": SECRET})
        shown = await scaffolder_site.get(app, f"/v2/tasks/{task_id}")
        tasks = await scaffolder_site.get(app, "/v2/tasks")
        for answer in (shown, tasks):
            assert SECRET.encode() not in answer.body
            assert GUEST.token is None or GUEST.token.encode() not in answer.body
        assert not {"secrets", "state", "workspace"} & set(shown.json)
        for column in ("secrets", "secrets.t", "spec", "state", "workspace", "password"):
            assert (await scaffolder_site.get(app, f"/v2/tasks?order=asc:{column}")).status == 400


async def test_a_live_task_is_not_run_again(tmp_path: Path) -> None:
    """CVE-2026-106500: a task could be started again while its first run still worked in the same folder."""
    async with world(tmp_path, say, start=False) as w:
        app = scaffolder_site.site(w)
        task_id = await w.create(template({"id": "s", "action": "test:say", "input": {}}))
        for _ in range(2):
            answer = await scaffolder_site.post(app, f"/v2/tasks/{task_id}/retry", {"secrets": {}})
            assert 400 <= answer.status < 500
        assert (await scaffolder_site.get(app, f"/v2/tasks/{task_id}")).json["status"] == "open"


@pytest.fixture
def backstage() -> Iterator[FakeBackstage]:
    with FakeBackstage({}).running() as fake:
        yield fake


async def test_a_denied_action_tells_nothing_of_its_input(
    backstage: FakeBackstage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2026-106504: the log of a task showed the input of an action that was denied, secrets included."""
    monkeypatch.setattr(
        "tests.permissions.policed_site.COMPONENTS", COMPONENTS.replace("message: hi", 'message: "${{ secrets.t }}"')
    )
    backstage.table = {OWNER: {"scaffolder.action.execute": "DENY"}}
    with capture_logs() as logged:
        async with running(backstage, tmp_path) as policed:
            sent = {"templateRef": "template:default/t", "values": {}, "secrets": {"t": SECRET}}
            created = await policed.post(TASKS, sent)
            assert (await policed.end(created.json["id"]))["error"]["name"] == "NotAllowedError"
            events = await policed.get(f"{TASKS}/{created.json['id']}/events")
    assert SECRET not in str(events.json) + str(logged)


async def test_a_list_of_tasks_holds_what_the_policy_lets_one_see(backstage: FakeBackstage, tmp_path: Path) -> None:
    """CVE-2026-106461: a list told of tasks that the policy hides."""
    own = {"rule": "IS_TASK_OWNER", "params": {"createdBy": [OTHER]}}
    backstage.table = {OWNER: {}, OTHER: {"scaffolder.task.read": own}}
    async with running(backstage, tmp_path) as policed:
        sent = {"templateRef": "template:default/t", "values": {}}
        hidden = (await policed.post(TASKS, sent, OWNER)).json["id"]
        shown = (await policed.post(TASKS, sent, OTHER)).json["id"]
        listed = (await policed.get(TASKS, OTHER)).json
        assert ([one["id"] for one in listed["tasks"]], listed["totalTasks"]) == ([shown], 1)
        assert (await policed.get(f"{TASKS}?createdBy={OWNER}", OTHER)).json["tasks"] == []
        assert (await policed.get(f"{TASKS}/{hidden}", OTHER)).status == 403
