"""Where something came from is what the catalog or the operator recorded, never what an author wrote."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.cli.client import ApiClient
from backstage_py.errors import ConflictError, InputError, NotAllowedError
from backstage_py.identity.principals import AccessRestriction, Credentials, ServicePrincipal
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web.http import HttpClient, Limits
from backstage_py.model import location_ref
from backstage_py.model.scm import ScmIntegration
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import ActionContext, Services, action
from backstage_py.plugin.catalog import CatalogPlugins, ProviderConnection
from backstage_py.settings.sections import AllowedKind, CatalogRule, ReadingRule, RuleLocation
from backstage_py.storage.database import Transaction
from backstage_py.storage.scaffolder.tables import tasks
from tests.actions.harness import REGISTRY
from tests.catalog.harness import HOST, Web, catalog, component, group, location
from tests.e2e.service import RunningService
from tests.http.scaffolder_site import post, site
from tests.integrations.web_host import WebHost
from tests.scaffolder.harness import World, messages, template, world

MANAGED_BY, ORIGIN = "backstage.io/managed-by-location", "backstage.io/managed-by-origin-location"
SOURCE = "backstage.io/source-location"
SECRET = "key of the server"
STEPS: tuple[dict[str, Any], ...] = (
    {"id": "fetch", "action": "fetch:plain:file", "input": {"url": "./key.txt", "targetPath": "got.txt"}},
    {"id": "show", "action": "test:show"},
)


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A folder of the server that no template is to read."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "key.txt").write_text(SECRET)
    return folder


@asynccontextmanager
async def fetching(folder: Path, *, start: bool = True) -> AsyncIterator[World]:
    @action("test:show", dry_run=True)
    def show(ctx: ActionContext[Any]) -> None:
        ctx.logger.info(ctx.workspace.path("got.txt").read_text())

    async with HttpClient(listed(ScmRegistry(), ()), Limits(attempts=1)) as http:
        services = Services(integrations=ScmRegistry(), url_reader=UrlReading(http, ScmRegistry()))
        async with world(folder, REGISTRY.get("fetch:plain:file"), show, services=services, start=start) as opened:
            yield opened


@pytest.fixture
async def scaffolder(tmp_path: Path) -> AsyncIterator[World]:
    async with fetching(tmp_path) as opened:
        yield opened


def said(annotations: dict[str, str]) -> dict[str, Any]:
    entity = template(*STEPS)
    entity["metadata"]["annotations"] = annotations
    return entity


FORGED = ["file:{0}", "url:file://{0}", "url:FILE://{0}", "url: file://{0}", "url:\tfile://{0}", "url:fi\tle://{0}"]
REGISTERED = "url:https://github.com/o/r/blob/main/template.yaml"


@pytest.mark.thorough(sample=3)
@pytest.mark.parametrize("forged", FORGED)
async def test_a_file_that_an_author_names_is_not_where_a_template_starts(
    scaffolder: World, server: Path, forged: str
) -> None:
    where = forged.format(server / "template.yaml")
    for annotations in (
        {SOURCE: where, MANAGED_BY: REGISTERED, ORIGIN: REGISTERED},
        {SOURCE: where},
        {SOURCE: where, MANAGED_BY: "acme:all", ORIGIN: "acme:all"},
        {MANAGED_BY: where, ORIGIN: REGISTERED},
    ):
        log = str(messages(await scaffolder.run(said(annotations))))
        assert SECRET not in log
        assert "Run completed with status: failed" in log


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("source", [None, "file:/etc/template.yaml", "url:file:///etc/template.yaml"])
@pytest.mark.parametrize("origin", ["file", "acme:all"])
async def test_a_file_that_the_catalog_recorded_is(
    scaffolder: World, server: Path, source: str | None, origin: str
) -> None:
    """The operator configured that file, or installed the provider that brought it."""
    own = f"file:{server / 'template.yaml'}"
    annotations = {MANAGED_BY: own, ORIGIN: own if origin == "file" else origin, **({SOURCE: source} if source else {})}
    assert SECRET in str(messages(await scaffolder.run(said(annotations))))


async def test_what_an_earlier_version_stored_with_a_task_is_decided_again(tmp_path: Path, server: Path) -> None:
    def forge(transaction: Transaction) -> None:
        spec = json.loads(transaction.connection.execute(sa.select(tasks.c.spec)).scalar_one())
        spec["templateInfo"]["baseUrl"] = f"file://{server}/template.yaml"
        transaction.connection.execute(sa.update(tasks).values(spec=json.dumps(spec)))

    async with fetching(tmp_path, start=False) as scaffolder:
        task_id = await scaffolder.create(said({SOURCE: f"file:{server}/template.yaml", MANAGED_BY: REGISTERED}))
        await scaffolder.database.write(forge)
        await scaffolder.start()
        assert SECRET not in str(messages(await scaffolder.events(task_id)))


async def test_a_dry_run_starts_in_the_files_that_came_with_it(scaffolder: World, server: Path) -> None:
    entity = said({SOURCE: f"file:{server}/template.yaml", MANAGED_BY: f"file:{server}/template.yaml"})
    asked = {"template": entity, "values": {}, "directoryContents": [{"path": "key.txt", "base64Content": "b3duCg=="}]}
    answer = await post(site(scaffolder), "/v2/dry-run", asked)
    assert answer.status == 200
    assert SECRET.encode() not in answer.body
    entity["spec"]["steps"] = [{**STEPS[0], "input": {"url": "../../server/key.txt", "targetPath": "x"}}]
    answer = await post(site(scaffolder), "/v2/dry-run", asked)
    assert answer.status == 403
    assert SECRET.encode() not in answer.body


@pytest.mark.thorough
async def test_a_registered_template_cannot_read_the_server(tmp_path: Path, victim: WebHost) -> None:
    """The whole of it, as it was done: register by URL, run, read."""
    entity = said({SOURCE: f"file://{tmp_path}/template.yaml", MANAGED_BY: f"file:{tmp_path}/template.yaml"})
    listing = {"listWorkspace": "with-contents"}
    entity["spec"]["steps"] = [STEPS[0], {"id": "log", "action": "debug:log", "input": listing}]
    (tmp_path / "key.txt").write_text(SECRET)
    victim.text("/template.yaml", yaml.safe_dump(entity))
    more = {"backend": {"reading": {"allow": [{"host": victim.authority}]}}}
    service = RunningService(tmp_path, [], more)
    await service.start()
    try:
        async with ApiClient(service.base_url) as api:
            await api.sign_in_as_guest()
            where = {"type": "url", "target": f"{victim.url}/template.yaml"}
            await api.call("POST", "/api/catalog/locations", where)
            await service.until_read("template", "default", "t", api)
            task_id = await api.create_task("template:default/t", {})
            log = json.dumps([event async for event in api.events(task_id)])
    finally:
        await service.stop()
    assert SECRET not in log
    assert '"failed"' in log


def leaking(reference: str, **annotations: str) -> dict[str, Any]:
    """An entity whose problems tell what a file holds, since no label may look like that."""
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "c", "labels": {"x": {"$text": reference}}, "annotations": annotations},
        "spec": {"type": "service", "lifecycle": "x", "owner": "o"},
    }


async def test_checking_an_entity_reads_no_file_of_the_server(tmp_path: Path, server: Path) -> None:
    own = f"file:{server / 'catalog-info.yaml'}"
    async with catalog(tmp_path) as opened:
        for entity, at in (
            (leaking("./key.txt"), own),
            (leaking("./key.txt", **{MANAGED_BY: own}), f"url:{HOST}/a.yaml"),
            (leaking("./key.txt", **{MANAGED_BY: own, ORIGIN: own}), f"url:{HOST}/a.yaml"),
            (leaking(f"file://{server}/key.txt"), f"url:{HOST}/a.yaml"),
        ):
            faults = await opened.service.validate(entity, at)
            assert faults
            assert SECRET not in str([fault.as_json() for fault in faults])


GITHUB = "https://github.com/o/r/blob/main/a/catalog-info.yaml"
GITLAB = "https://gitlab.com/g/s/p/-/blob/main/a/catalog-info.yaml"
RAW_GITLAB = "https://gitlab.com/g/s/p/-/raw/main/a/catalog-info.yaml"
GITEA = "https://tea.example/o/r/src/branch/main/a/catalog-info.yaml"
CLOUD = "https://bitbucket.org/o/r/src/main/a/catalog-info.yaml"
SERVER = "https://bb.example/projects/P/repos/r/browse/a/catalog-info.yaml?at=main"
AZURE = "https://dev.azure.com/o/p/_git/r?path=/a/catalog-info.yaml&version=GBmain"
GERRIT = "https://gerrit.example/o/r/+/refs/heads/main/a/catalog-info.yaml"
RAW_GITHUB = "https://raw.githubusercontent.com/o/r/main/a/catalog-info.yaml"
LISTED = "https://pages.example/ok/a/catalog-info.yaml"
BASES = [GITHUB, GITLAB, RAW_GITLAB, GITEA, CLOUD, SERVER, AZURE, GERRIT, RAW_GITHUB, LISTED]
RULES = (
    ReadingRule("pages.example", ("/ok", "/other")),
    ReadingRule("gerrit.example", None),
    ReadingRule("raw.githubusercontent.com", None),
)


def placed(kind: str, host: str, api: str) -> ScmIntegration:
    return ScmIntegration(kind, host, host, api, f"{api}/raw" if kind == "none" else None, None, {})


@asynccontextmanager
async def hosts(victim: WebHost) -> AsyncIterator[UrlReading]:
    """All kinds of git hosts; the victim answers where their APIs are."""
    registry = ScmRegistry(
        [
            placed("gitlab", "gitlab.com", victim.url),
            placed("gitea", "tea.example", victim.url),
            placed("bitbucketCloud", "bitbucket.org", victim.url),
            placed("bitbucketServer", "bb.example", victim.url),
            placed("gerrit", "gerrit.example", victim.url),
            ScmIntegration(
                "github", "github.com", "", victim.url, "https://raw.githubusercontent.com", "integration's token", {}
            ),
        ]
    )
    async with HttpClient(listed(registry, RULES), Limits(attempts=1)) as http:
        yield UrlReading(http, registry, RULES)


CLIMBING = [
    "../" * 12 + "other/x",
    "%2e%2e/" * 12 + "x",
    ".%2E/" * 12 + "x",
    "..\\" * 12 + "x",
    "..%2f" * 12 + "x",
    "..%5c" * 12 + "x",
    "%252e%252e/" * 12 + "x",
    ".\t./" * 12 + "x",
    "/" + "../" * 12 + "x",
    "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/x",
    "\\\\evil.example\\x",
    "\\..\\..\\..\\..\\x",
]


@pytest.mark.parametrize("reference", CLIMBING)
@pytest.mark.parametrize("base", BASES)
async def test_a_relative_reference_stays_in_its_repository(victim: WebHost, base: str, reference: str) -> None:
    async with hosts(victim) as reading:
        try:
            found = reading.resolve(reference, base)
        except NotAllowedError:
            return
    assert found.startswith(AZURE.partition("?")[0]), found  # its paths start at the root, above which there is nothing
    assert ".." not in found


@pytest.mark.parametrize("base", BASES)
async def test_a_relative_reference_just_inside_is_followed(victim: WebHost, base: str) -> None:
    async with hosts(victim) as reading:
        assert "b.yaml" in reading.resolve("../b.yaml", base)
        assert reading.same_repository(reading.resolve("./x/../../b.yaml", base), base)


FOREIGN = {
    GITHUB: ["https://github.com/o/secret/blob/main/x", "https://raw.githubusercontent.com/o/secret/main/x"],
    GITLAB: ["https://gitlab.com/g/s/secret/-/blob/main/x", "https://gitlab.com/g/s/p/secret/-/raw/main/x", AZURE],
    RAW_GITLAB: ["https://gitlab.com/g/s/secret/-/raw/main/x", "https://gitlab.com/g/secret/raw/main/x"],
    GITEA: ["https://tea.example/o/secret/raw/branch/main/x", "https://TEA.example:443/o/secret/src/branch/main/x"],
    CLOUD: ["https://bitbucket.org/o/secret/raw/main/x", "https://bitbucket.org/o%2fsecret/r/src/main/x"],
    SERVER: ["https://bb.example/projects/P/repos/secret/raw/x?at=main", "https://bb.example/projects/Q/repos/r/raw/x"],
    AZURE: [
        "https://dev.azure.com/o/p/_git/secret?path=/x",
        "https://dev.azure.com/o/secret/_git/r?path=/x",
        "https://dev.azure.com/o/_git/r?path=/x",
        GITHUB,
    ],
    GERRIT: ["https://gerrit.example/o/secret/+/refs/heads/main/x"],
    RAW_GITHUB: ["https://raw.githubusercontent.com/o/secret/main/x", "https://github.com/o/secret/blob/main/x"],
    LISTED: [
        "https://pages.example/other/x",
        "https://pages.example/ok/../other/x",
        "http://pages.example/ok/x",
        "https://gerrit.example/o/r/+/refs/heads/main/x",
        "https://raw.githubusercontent.com/o/r/main/x",
        GITHUB,
        "file:///etc/passwd",
    ],
}


@pytest.mark.thorough(sample=6)
@pytest.mark.parametrize("mark", ["$text", "$yaml", "$openapi"])
@pytest.mark.parametrize(("base", "reference"), [(base, one) for base, listed in FOREIGN.items() for one in listed])
async def test_a_placeholder_stays_in_its_repository(
    tmp_path: Path, victim: WebHost, base: str, reference: str, mark: str
) -> None:
    """CVE-2026-106498: placeholders read other repositories."""
    entity = leaking(reference)
    entity["metadata"]["labels"]["x"] = {mark: reference}
    async with hosts(victim) as reading, catalog(tmp_path, reading) as opened:  # type: ignore[arg-type]  # the real one in the fake's place
        faults = str([fault.as_json() for fault in await opened.service.validate(entity, f"url:{base}")])
    assert "from the same repository" in faults
    assert [request.path for request in victim.requests if request.method == "GET"] == []


async def test_what_an_api_definition_refers_to_stays_there_too(tmp_path: Path, victim: WebHost) -> None:
    entity = leaking("./api.yaml")
    entity["metadata"]["labels"]["x"] = {"$openapi": "./api.yaml"}
    for reference in (*FOREIGN[GITHUB], "../" * 9 + "x", "file:///etc/passwd"):
        victim.text("/repos/o/r/contents/a/api.yaml", f"a: {{$ref: '{reference}'}}")
        async with hosts(victim) as reading, catalog(tmp_path, reading) as opened:  # type: ignore[arg-type]  # as above
            faults = str([fault.as_json() for fault in await opened.service.validate(entity, f"url:{GITHUB}")])
        assert "could not form a URL" in faults
    assert {request.path for request in victim.requests} == {"/repos/o/r/contents/a/api.yaml"}


@pytest.mark.parametrize(
    "reference", ["./x.txt", "https://github.com/o/r/blob/other/x.txt", "https://GitHub.com:443/o/r/raw/b/x"]
)
async def test_a_placeholder_of_the_same_repository_is_read(tmp_path: Path, victim: WebHost, reference: str) -> None:
    async with hosts(victim) as reading, catalog(tmp_path, reading) as opened:  # type: ignore[arg-type]  # as above
        await opened.service.validate(leaking(reference), f"url:{GITHUB}")
    assert len(victim.requests) == 1


PLACED = (
    CatalogRule((AllowedKind("Location"),)),
    CatalogRule((AllowedKind("Group"),), (RuleLocation("url", None, f"{HOST}/ok/**"),)),
    CatalogRule((AllowedKind("Group"),), (RuleLocation("url", f"{HOST}/exact.yaml", None),)),
)
OUTSIDE = [
    f"{HOST}/ok/../secret/b.yaml",
    f"{HOST}/ok/%2e%2e/secret/b.yaml",
    f"{HOST}/ok/.%2E/secret/b.yaml",
    f"{HOST}/ok/..%2fsecret/b.yaml",
    f"{HOST}/ok/..%5Csecret/b.yaml",
    f"{HOST}/ok\\..\\secret/b.yaml",
    f"{HOST}/ok/.\t./secret/b.yaml",
    f"{HOST}/ok/%252e%252e/secret/b.yaml",
    f"{HOST}/exact.yaml?",
    f"{HOST}/ok/b.yaml?version=GBmain&version=GBother",
    f"{HOST}/ok/b.yaml?version=GBmain&%76ersion=GBother",
    f"{HOST}:8443/ok/b.yaml",
    f"http://{HOST.removeprefix('https://')}/ok/b.yaml",
    f"https://elsewhere.example/{HOST}/ok/b.yaml",
]
INSIDE = [
    f"{HOST}/ok/b.yaml",
    f"{HOST}:443/ok/b.yaml",
    "https://HOST.example/ok/b.yaml",
    f"{HOST}/secret/../ok/b.yaml",
    f"{HOST}/%6fk/b.yaml",
    f"{HOST}/x/../exact.yaml",
    f"{HOST}/ok/b.yaml?version=GBmain&path=/b",
]


async def brought(tmp_path: Path, target: str) -> bool:
    web = Web({target.removeprefix(HOST): group("admins")})
    async with catalog(tmp_path, web, rules=PLACED) as opened:
        await opened.service.register("url", target)
        await opened.rest()
        return await opened.has("group:default/admins")


@pytest.mark.thorough(sample=4)
@pytest.mark.parametrize("target", OUTSIDE)
async def test_a_rule_for_a_place_holds_for_the_place_that_is_read(tmp_path: Path, target: str) -> None:
    assert not await brought(tmp_path, target)


@pytest.mark.thorough(sample=3)
@pytest.mark.parametrize("target", INSIDE)
async def test_a_rule_for_a_place_holds_for_all_its_spellings(tmp_path: Path, target: str) -> None:
    assert await brought(tmp_path, target)


async def test_a_file_cannot_take_the_name_of_a_later_registration(tmp_path: Path) -> None:
    squatted = location_ref.generated_name("url", f"{HOST}/wanted.yaml")
    web = Web({"/squat.yaml": location(squatted, "./mine.yaml"), "/mine.yaml": component("mine")})
    web.pages["/wanted.yaml"] = component("wanted")
    async with catalog(tmp_path, web) as opened:
        await opened.register("/squat.yaml")
        await opened.register("/wanted.yaml")
        assert await opened.refs() == {"component:default/wanted"}


class Squatter:
    """Brings a Location that has the name of another, as a file did that an earlier version took in."""

    name = "acme"

    async def connect(self, connection: ProviderConnection) -> None:
        taken = yaml.safe_load(location(location_ref.generated_name("url", f"{HOST}/wanted.yaml"), "./mine.yaml"))
        taken["metadata"]["annotations"] = {MANAGED_BY: "acme:x", ORIGIN: "acme:x"}
        await connection.apply_full([taken])

    async def close(self) -> None:
        pass


async def test_a_registration_whose_name_is_taken_is_refused(tmp_path: Path) -> None:
    async with catalog(tmp_path, plugins=CatalogPlugins(providers=[Squatter()])) as opened:
        with pytest.raises(ConflictError, match="already in the catalog from acme:x"):
            await opened.service.register("url", f"{HOST}/wanted.yaml")
        assert await opened.service.locations() == []


@pytest.mark.thorough
async def test_leading_a_location_elsewhere_needs_what_forgetting_it_needs(tmp_path: Path) -> None:
    async with catalog(tmp_path, Web({"/a.yaml": component("a"), "/b.yaml": component("b")})) as opened:
        registered = await opened.register("/a.yaml")
        faced = AuthorizedCatalog(opened.service, Authority())

        def may(*permissions: str) -> Credentials:
            bounds = AccessRestriction(permissions)
            return Credentials(ServicePrincipal("external:ci", bounds), "token")

        with pytest.raises(NotAllowedError):
            await faced.update_location(registered["id"], "url", f"{HOST}/b.yaml", may("catalog.location.create"))
        with pytest.raises(NotAllowedError):
            await faced.update_location(registered["id"], "url", f"{HOST}/b.yaml", may("catalog.location.delete"))
        both = may("catalog.location.create", "catalog.location.delete")
        await faced.update_location(registered["id"], "url", f"{HOST}/b.yaml", both)


@pytest.mark.thorough
@pytest.mark.parametrize(("count", "fits"), [(199, True), (200, False)])
async def test_a_preview_reads_so_many_files_and_no_more(tmp_path: Path, count: int, fits: bool) -> None:
    """Locations that lead from one to the next; one request of a caller reads 200 files at most."""
    pages: dict[str, str | bytes] = {f"/{n}.yaml": location(f"l-{n}", f"./{n + 1}.yaml") for n in range(count)}
    web = Web({**pages, f"/{count}.yaml": component("last")})
    async with catalog(tmp_path, web) as opened:
        problem = nullcontext() if fits else pytest.raises(InputError, match="too many files for a preview")
        with problem:
            found = await opened.service.preview("url", f"{HOST}/0.yaml")
            assert len(found.entities) == count + 2
        assert len(web.reads) == 200
