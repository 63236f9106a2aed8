"""Whatever is sent, an answer is never a 5xx, and whatever a file holds, the catalog comes to rest.

What is generated is mostly meaningful: grammars of the language and of schemas, shapes of queries, real cursors with a
part replaced. ``BACKSTAGE_PY_EXAMPLES`` says how many of each. ``tests/templating`` and ``tests/model`` compare what
the same grammars give with Backstage's own packages, ``tests/http`` follows the OpenAPI documents.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.http import application
from backstage_py.http import catalog as face
from backstage_py.http.streams import OpenStreams
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import ActionContext, action
from backstage_py.settings.sections import BackendSettings
from tests.catalog import harness as catalogs
from tests.effort import EXAMPLES, WHOLE
from tests.http import scaffolder_site
from tests.http.harness import Answer, call
from tests.http.test_catalog_http import PAGES
from tests.model.schemas import grammar as forms
from tests.scaffolder.harness import World, template, world
from tests.templating.differential import grammar as language
from tests.templating.differential.test_template_fuzz import mutated

pytestmark = pytest.mark.timeout(180 + EXAMPLES)
SERVER_ERROR = 500
JSON = {"content-type": "application/json"}


def _one_of(choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices.split(" "))


WORDS = _one_of(
    "kind metadata.name spec.x relations relations.ownedby __proto__ constructor toString hasOwnProperty metadata "
    "metadata.annotations $all $any $not $in $exists $contains $hasPrefix asc desc * % _ a.b.c ' \" \\ \0 \ud800 "
    "kind=component metadata.name=c-01"
)
TEXTS = st.text(max_size=20) | WORDS | st.sampled_from(["." * 50, "x" * 300, " "])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def _predicates(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, max_size=3)
    condition = st.one_of(
        SCALARS,
        st.fixed_dictionaries({"$in": st.lists(SCALARS, max_size=3)}),
        st.fixed_dictionaries({"$exists": SCALARS}),
        st.fixed_dictionaries({"$contains": VALUES}),
        st.fixed_dictionaries({"$hasPrefix": SCALARS}),
        VALUES,
    )
    joined = st.one_of(*(st.fixed_dictionaries({name: some}) for name in ("$all", "$any")))
    return joined | st.fixed_dictionaries({"$not": inner}) | st.dictionaries(TEXTS, condition, max_size=3)


PREDICATES = st.recursive(VALUES, _predicates, max_leaves=8)
SOME_TEXTS = st.lists(TEXTS, max_size=3)


def cursor_of(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@dataclass
class Catalog:
    """A running catalog, its face, and a cursor that it gave."""

    folder: Path
    runner: asyncio.Runner
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def open(self) -> None:
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.web = catalogs.Web({"/all.yaml": PAGES})
        self.world = await self.stack.enter_async_context(catalogs.catalog(self.folder, self.web))
        await self.world.register("/all.yaml")
        routes = face.routes(AuthorizedCatalog(self.world.service, Authority()))
        mount = Mount(face.PREFIX, app=Router(list(routes), redirect_slashes=False))
        self.app: ASGIApp = application.create([mount], BackendSettings("http://here"), OpenStreams())
        page = await self.send("GET", "/entities/by-query?limit=5&orderField=metadata.name,asc")
        self.cursor = json.loads(base64.b64decode(page.json["pageInfo"]["nextCursor"] + "=="))

    async def send(self, method: str, path: str, body: bytes | None = None) -> Answer:
        return await call(self.app, method, f"{face.PREFIX}{path}", JSON, body)


@st.composite
def cursors(draw: st.DrawFn, real: dict[str, Any]) -> str:
    """A cursor with a part replaced, one of anything, or a text."""
    changed = dict(real)
    for _ in range(draw(st.integers(0, 2))):
        changed[draw(st.sampled_from([*real, "query", "skipTotalItems"]))] = draw(VALUES | PREDICATES)
    return draw(st.just(cursor_of(changed)) | VALUES.map(cursor_of) | TEXTS)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def catalog(tmp_path: Path, runner: asyncio.Runner) -> Iterator[Catalog]:
    opened = Catalog(tmp_path, runner)
    opened.open()
    yield opened
    runner.run(opened.stack.aclose())


def quoted(value: str) -> str:
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


@pytest.mark.thorough
def test_no_query_of_the_catalog_breaks_it(catalog: Catalog) -> None:
    names = "filter limit offset after order orderField fields facet cursor fullTextFilterTerm totalItems query x"
    joined = st.tuples(TEXTS, TEXTS).map("=".join) | st.tuples(TEXTS, TEXTS).map(",".join)
    values = TEXTS | joined | st.integers().map(str) | cursors(catalog.cursor)
    parameters = st.lists(st.tuples(st.sampled_from(["filter", *names.split()]), values), max_size=4)

    @settings(max_examples=WHOLE)
    @given(st.sampled_from(["/entities", "/entities/by-query", "/entity-facets", "/locations"]), parameters)
    def check(path: str, sent: list[tuple[str, str]]) -> None:
        query = "&".join(f"{name}={quoted(value)}" for name, value in sent)
        answer = catalog.runner.run(catalog.send("GET", f"{path}?{query}"))
        assert answer.status < SERVER_ERROR, answer.body

    check()


def bodies(cursor: st.SearchStrategy[str]) -> dict[str, dict[str, st.SearchStrategy[Any]]]:
    """What each endpoint's body has."""
    order = st.lists(TEXTS | st.fixed_dictionaries({"field": TEXTS, "order": WORDS}), max_size=3)
    term = st.fixed_dictionaries({"term": TEXTS, "fields": SOME_TEXTS})
    url = st.sampled_from([f"{catalogs.HOST}/all.yaml", f"{catalogs.HOST}/none.yaml"])
    metadata = {"annotations": VALUES, "labels": VALUES, "links": VALUES, "tags": VALUES, "namespace": TEXTS}
    entity = st.fixed_dictionaries(
        {
            "apiVersion": st.just("backstage.io/v1alpha1") | TEXTS,
            "kind": st.just("Component") | TEXTS,
            "metadata": VALUES | st.fixed_dictionaries({"name": TEXTS}, optional=metadata),
            "spec": VALUES,
        }
    )
    location = st.fixed_dictionaries({"type": TEXTS | st.just("url"), "target": TEXTS | url})
    return {
        "/entities/by-query": {
            "query": PREDICATES,
            "orderBy": order | VALUES,
            "cursor": cursor,
            "fullTextFilter": term,
        },
        "/entity-facets": {"facets": SOME_TEXTS | VALUES, "query": PREDICATES},
        "/entities/by-refs": {"entityRefs": SOME_TEXTS | VALUES, "fields": SOME_TEXTS, "query": PREDICATES},
        "/refresh": {"entityRef": TEXTS | VALUES, "authorizationToken": TEXTS | VALUES},
        "/locations?dryRun=true": {"type": TEXTS | st.just("url"), "target": TEXTS | url},
        "/locations/by-query": {"query": PREDICATES, "cursor": cursor, "limit": VALUES},
        "/validate-entity": {"entity": entity | VALUES, "location": TEXTS | VALUES},
        "/analyze-location": {"location": location | VALUES, "catalogFilename": VALUES},
    }


@pytest.mark.thorough
def test_no_body_breaks_the_catalog(catalog: Catalog) -> None:
    known = bodies(cursors(catalog.cursor))
    requests = st.sampled_from(list(known)).flatmap(
        lambda path: st.tuples(st.just(path), st.fixed_dictionaries({}, optional=known[path]) | VALUES)
    )

    @settings(max_examples=WHOLE)
    @given(requests)
    def check(request: tuple[str, Any]) -> None:
        path, body = request
        answer = catalog.runner.run(catalog.send("POST", path, json.dumps(body).encode()))
        assert answer.status < SERVER_ERROR, answer.body

    check()


YAML_PARTS = st.sampled_from(
    [
        *"{}[]:,-?&*!|>'\"%@`#\t\n\0\ufeff\u0085\u2028😀",
        "\n  ",
        "\n    ",
        ": ",
        "- ",
        "---\n",
        "<<: ",
        "&a ",
        "*a ",
        "!!binary ",
        "!!set ",
        "|2-\n",
        '"\\ud800"',
        '"\\0"',
        "9" * 400,
        ".nan",
        "1e999",
        "[" * 300,
        "{$text: ./all.yaml}",
        "{$yaml: ./all.yaml}",
        "{$openapi: ./all.yaml}",
        "url:x",
        "__proto__: 1",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A catalog file with some parts put in or taken out, at times bytes that are no text."""
    text = draw(st.sampled_from([catalogs.component("c"), catalogs.group("g"), catalogs.location("l", "./all.yaml")]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(YAML_PARTS) + text[at + draw(st.integers(0, 3)) :]
    raw = text.encode()
    return raw + draw(st.binary(max_size=3)) if draw(st.booleans()) else raw


def test_no_file_breaks_the_catalog(catalog: Catalog) -> None:
    async def register(content: bytes) -> None:
        catalog.web.pages["/f.yaml"] = content
        target = {"type": "url", "target": f"{catalogs.HOST}/f.yaml"}
        shown = await catalog.send("POST", "/locations?dryRun=true", json.dumps(target).encode())
        answer = await catalog.send("POST", "/locations", json.dumps(target).encode())
        assert max(shown.status, answer.status) < SERVER_ERROR, (shown.body, answer.body)
        await catalog.world.rest()
        for path in ("/entities", "/entities/by-query", "/entity-facets?facet=metadata.name"):
            assert (await catalog.send("GET", path)).status < SERVER_ERROR
        if answer.json.get("location"):
            assert (await catalog.send("DELETE", f"/locations/{answer.json['location']['id']}")).status < SERVER_ERROR

    @settings(max_examples=WHOLE)
    @given(files())
    def check(content: bytes) -> None:
        catalog.runner.run(register(content))

    check()


@action("test:say", {"type": "object"}, dry_run=True)
def say(ctx: ActionContext[dict[str, Any]]) -> None:
    ctx.logger.info(str(ctx.input))


TYPED = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "pattern": "^a"}}}


@action("test:typed", TYPED, dry_run=True)
def typed(ctx: ActionContext[dict[str, Any]]) -> None:
    """Take one text."""


EXPRESSIONS = mutated() | mutated().map(lambda text: f"${{{{ {text} }}}}") | st.text(max_size=20) | language.bodies()
RENDERED = st.recursive(
    EXPRESSIONS | forms.VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(EXPRESSIONS, inner, max_size=3),
    max_leaves=6,
)
STEPS = st.fixed_dictionaries(
    {
        "id": st.just("s") | EXPRESSIONS,
        "action": st.sampled_from(["test:say", "test:typed"]),
        "input": RENDERED | st.dictionaries(st.sampled_from(["message", "a"]) | EXPRESSIONS, RENDERED, max_size=3),
    },
    optional={"if": RENDERED, "each": RENDERED, "name": EXPRESSIONS},
)


@dataclass
class Scaffolder:
    world: World
    app: ASGIApp
    runner: asyncio.Runner

    def ask(self, question: Awaitable[Answer]) -> Answer:
        async def asked() -> Answer:
            return await question

        return self.runner.run(asked())


@pytest.fixture
def scaffolder(tmp_path: Path, runner: asyncio.Runner) -> Iterator[Scaffolder]:
    stack = AsyncExitStack()
    small = runner.run(stack.enter_async_context(world(tmp_path, say, typed, start=False)))
    yield Scaffolder(small, scaffolder_site.site(small), runner)
    runner.run(stack.aclose())


def body_of(value: Any) -> bytes:
    """JSON text in which halves of surrogate pairs are escaped, as JavaScript writes them."""
    return json.dumps(value).encode()


@pytest.mark.thorough
def test_no_template_breaks_a_dry_run(scaffolder: Scaffolder) -> None:
    outputs = st.dictionaries(st.sampled_from(["text", "links", "x"]) | EXPRESSIONS, RENDERED, max_size=3) | RENDERED
    values = st.dictionaries(forms.NAMES, forms.VALUES | EXPRESSIONS, max_size=3)
    secrets = st.dictionaries(st.sampled_from(["a", "b"]) | EXPRESSIONS, EXPRESSIONS, max_size=2)

    @settings(max_examples=WHOLE)
    @given(st.lists(STEPS, min_size=1, max_size=2), outputs, st.just({}) | forms.schemas(), values, secrets)
    def check(steps: list[Any], output: Any, form: Any, given_values: Any, given_secrets: Any) -> None:
        entity = template(*steps, output=output, parameters=form)
        body = {"template": entity, "values": given_values, "secrets": given_secrets, "directoryContents": []}
        answer = scaffolder.ask(scaffolder_site.post(scaffolder.app, "/v2/dry-run", body_of(body)))
        assert answer.status < SERVER_ERROR, answer.body

    check()


def test_no_form_breaks_a_task(scaffolder: Scaffolder) -> None:
    page = forms.schemas(hostile=True) | st.fixed_dictionaries({"when": RENDERED, "properties": forms.schemas()})
    pages = page | st.lists(page, max_size=3)

    @settings(max_examples=WHOLE)
    @given(pages, forms.ANYTHING, RENDERED)
    def check(form: Any, values: Any, presentation: Any) -> None:
        scaffolder.world.catalog.add(template(parameters=form, presentation=presentation))
        shown = scaffolder_site.get(scaffolder.app, "/v2/templates/default/template/t/parameter-schema")
        sent = {"templateRef": "template:default/t", "values": values, "secrets": {}}
        created = scaffolder_site.post(scaffolder.app, "/v2/tasks", body_of(sent))
        for answer in map(scaffolder.ask, (shown, created)):
            assert answer.status < SERVER_ERROR, answer.body

    check()
