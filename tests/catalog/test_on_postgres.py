"""The catalog on PostgreSQL: what differs there are the locks, the queues and the SQL of batches and searches."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstage_py.errors import InputError
from backstage_py.model.entity_filter import AllOf, Exists, HasPrefix, Matches, Not
from backstage_py.storage.catalog.entities import EntityReader
from backstage_py.storage.catalog.finder import Finder
from backstage_py.storage.catalog.leases import LeaseStore
from backstage_py.storage.catalog.pages import Order, PageRequest
from backstage_py.storage.catalog.search import FullText
from backstage_py.storage.catalog.stitching import Final, StitchStore
from tests.catalog.harness import HOST, Web, World, catalog, component, documents, group, location
from tests.storage import fresh
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)

BY_NAME = Order("metadata.name")
COMPONENTS = AllOf((Matches("kind", ("component",)), HasPrefix("metadata.name", "c-"), Not(Exists("spec.system"))))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def url(server: Postgres, request: pytest.FixtureRequest) -> str:
    return fresh.on(server, request.node.name[-60:])


def pages() -> Web:
    many = documents(*(component(f"c-{number:02}", owner=f"team-{'ab'[number % 2]}") for number in range(30)))
    return Web({"/all.yaml": location("all", "./c.yaml", "./g.yaml"), "/c.yaml": many, "/g.yaml": group("team-a")})


async def names(world: World, **asked: object) -> list[str]:
    request = PageRequest(**{"filter": COMPONENTS, "order": BY_NAME, **asked})  # type: ignore[arg-type]  # as the tests write them
    return [one.value or "" for one in (await world.service.reader.page(request)).positions]


async def test_entities_come_change_and_go(tmp_path: Path, url: str) -> None:
    web = pages()
    async with catalog(tmp_path, web, database_url=url) as world:
        registered = await world.register("/all.yaml")
        assert len(await world.refs()) == 32
        assert len((await world.entity("group:default/team-a"))["relations"]) == 15
        web.pages["/c.yaml"] = component("c-00", owner="team-b")
        await world.refresh("location:default/all")
        assert await world.refs() == {"location:default/all", "component:default/c-00", "group:default/team-a"}
        assert (await world.entity("group:default/team-a"))["relations"] == []
        await world.service.delete_location(registered["id"])
        await world.rest()
        assert await world.refs() == set()


ODD_REFS = [
    "",
    "NULL",
    "{}",
    '"',
    "\\",
    '\\"',
    "a,b",
    "{a,b}",
    "ä€😀",
    "component:default/c-00\\",
    " component:default/c-00",
]


@pytest.mark.thorough
async def test_odd_references_are_looked_for_as_they_are(tmp_path: Path, url: str) -> None:
    async with catalog(tmp_path, pages(), database_url=url) as world:
        await world.register("/all.yaml")
        reader = world.service.reader
        found = await reader.by_refs([*ODD_REFS, "component:default/c-00", *ODD_REFS])
        assert [text is not None for text in found] == [*[False] * len(ODD_REFS), True, *[False] * len(ODD_REFS)]
        uid = (await world.entity("component:default/c-00"))["metadata"]["uid"]
        assert await reader.by_uid(uid.upper()) == found[len(ODD_REFS)]
        assert await reader.by_uid("none") is None
        with pytest.raises(InputError, match="NUL"):
            await reader.by_refs(["a\0b"])
        with pytest.raises(UnicodeEncodeError):
            await reader.by_refs(["a\ud800"])
        assert await reader.by_refs(["component:default/c-00"]) == [found[len(ODD_REFS)]]


@pytest.mark.thorough
async def test_a_nul_in_an_entity_stops_nothing(tmp_path: Path, url: str) -> None:
    odd = component("odd").replace("metadata:", 'metadata:\n  description: "a\\0b"', 1)
    web = Web({"/all.yaml": location("all", "./c.yaml", "./odd.yaml"), "/c.yaml": component("c"), "/odd.yaml": odd})
    async with catalog(tmp_path, web, database_url=url) as world:
        await world.register("/all.yaml")
        assert {"component:default/c", "component:default/odd"} <= await world.refs()
        assert (await world.entity("component:default/odd"))["metadata"]["description"] == "a\0b"


@pytest.mark.thorough
async def test_a_text_with_a_backslash_is_found_the_same_way_each_time(tmp_path: Path, url: str) -> None:
    async with catalog(tmp_path, pages(), database_url=url) as world:
        await world.register("/all.yaml")
        text = FullText(r"c\-0", ("metadata.name",))
        found = [await names(world, full_text=text, limit=limit) for limit in (20, 30, 40)]
        assert found == [[f"c-{number:02}" for number in range(10)]] * 3


@pytest.mark.thorough
async def test_a_restart_goes_on_with_what_was_there(tmp_path: Path, url: str) -> None:
    web = pages()
    async with catalog(tmp_path, web, database_url=url) as world:
        await world.register("/all.yaml")
        before = await world.entity("component:default/c-07")
    async with catalog(tmp_path, web, database_url=url) as world:
        assert await world.entity("component:default/c-07") == before


@pytest.mark.thorough
async def test_pages_and_searches_are_those_of_sqlite(tmp_path: Path, url: str) -> None:
    async with catalog(tmp_path, pages(), database_url=url) as world:
        await world.register("/all.yaml")
        everything = [f"c-{number:02}" for number in range(30)]
        assert await names(world) == everything
        assert await names(world, limit=5, offset=10) == everything[10:15]
        reader = world.service.reader
        first = await reader.page(PageRequest(COMPONENTS, order=BY_NAME, limit=7))
        assert first.total == 30
        assert await names(world, after=first.positions[-1], limit=7) == everything[7:14]
        for reader_ in (reader, EntityReader(world.database)):
            for _ in range(2):  # by the database, and then in memory
                text = PageRequest(COMPONENTS, FullText("c-1", ("metadata.name", "spec.owner")), BY_NAME, limit=4)
                found = await reader_.page(text)
                assert [one.value for one in found.positions] == everything[10:14]
                assert found.total == 10
        assert await reader.facets(["spec.owner"], COMPONENTS) == {"spec.owner": [("team-a", 15), ("team-b", 15)]}


@pytest.mark.thorough
async def test_two_processes_share_one_catalog(tmp_path: Path, url: str) -> None:
    web = pages()
    async with (
        catalog(tmp_path, web, database_url=url) as one,
        catalog(tmp_path, web, database_url=url) as other,
    ):
        web.pages.update({f"/{number}.yaml": component(f"x-{number}") for number in range(6)})
        registered = [side.service.register("url", f"{HOST}/{n}.yaml") for n, side in enumerate([one, other] * 3)]
        await asyncio.gather(*registered)
        await one.rest()
        await other.rest()
        assert {ref for ref in await one.refs() if "x-" in ref} == {f"component:default/x-{n}" for n in range(6)}


async def test_the_server_learns_amid_many_writes_how_much_there_is_now(
    tmp_path: Path, url: str, server: Postgres
) -> None:
    async with catalog(tmp_path, database_url=url) as world:
        lease = await LeaseStore(world.database, 60).take("processing/many")
        assert lease
        store = StitchStore(world.database)

        async def write(count: int) -> None:
            finals = [Final(1_000_000 + n, 0, f"component:default/{n}", "", "", b"{}", None) for n in range(count)]
            await store.write(lease, finals)
            await store.keep_up()

        with server.connect(url.rpartition("/")[2]) as connection:

            def times() -> int:
                query = "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 'search'"
                row = connection.execute(query).fetchone()
                return int(row[0]) if row else 0

            begun = times()
            for count, expected in ((499, 0), (1, 1), (499, 1), (1, 2), (999, 2), (1, 3)):
                await write(count)
                while times() - begun < expected:  # noqa: ASYNC110  # the server tells nobody
                    await asyncio.sleep(0.05)
            assert times() - begun == 3


async def test_a_filter_of_two_wide_conditions_is_planned_as_probes_of_the_index(
    tmp_path: Path, url: str, server: Postgres
) -> None:
    """The plan for any values counts: the server takes it for the cheaper one, having seen others five times."""
    wide = AllOf((Matches("kind", ("component",)), Matches("spec.type", ("service",))))
    async with catalog(tmp_path, pages(), database_url=url) as world:
        await world.register("/all.yaml")
        query = await world.database.read(lambda connection: Finder().ids(connection, wide))
        text = str(query.compile(dialect=world.database.engine.dialect, compile_kwargs={"literal_binds": True}))
    with server.connect(url.rpartition("/")[2]) as connection:
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {text}".encode()))
    assert "Join" not in plan
    assert "Nested Loop" not in plan
    assert "SubPlan" in plan
