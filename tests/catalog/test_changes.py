"""Refreshing, removing, and what an unchanged source costs."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from backstage_py.settings.sections import CatalogLocation
from backstage_py.storage.catalog.tables import leases, metadata, process_queue, refresh_state, stitch_queue
from tests import patience
from tests.catalog.harness import HOST, Web, World, catalog, component, documents, group, location


async def everything(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the catalog's tables, without leases, their numbers and when things are due."""

    def run(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
        return {
            table.name: sorted(
                map(tuple, connection.execute(sa.select(*(one for one in table.c if one.name not in passing)))),
                key=repr,
            )
            for table in metadata.sorted_tables
            if table is not leases
        }

    passing = {"due_at", "next_token"}

    return await world.database.read(run)


async def due_times(world: World) -> list[tuple[int, int]]:
    query = sa.select(refresh_state.c.id, refresh_state.c.due_at).order_by(refresh_state.c.id)
    return await world.database.read(lambda connection: [(row[0], row[1]) for row in connection.execute(query)])


async def test_an_unchanged_refresh_asks_conditionally_and_writes_only_when_it_is_due_next(tmp_path: Path) -> None:
    files = {f"/{number}.yaml": documents(*(component(f"c-{number}-{n}") for n in range(20))) for number in range(5)}
    web = Web({"/all.yaml": location("all", *(f".{path}" for path in files)), **files})
    async with catalog(tmp_path, web, processing_interval=0.2) as world:
        await world.register("/all.yaml")
        before = await everything(world)
        asked = web.answered_unchanged
        while web.answered_unchanged < asked + 12:
            await world.service.settle(0.05)

        async def is_as_before() -> bool:  # between two rounds, of which the next may begin at any moment
            await world.rest()
            return await everything(world) == before

        await patience.until_answered(is_as_before)


@pytest.mark.thorough
async def test_a_restart_begins_no_new_period(tmp_path: Path) -> None:
    web = Web({"/all.yaml": location("all", "./a.yaml"), "/a.yaml": component("a")})
    async with catalog(tmp_path, web) as world:
        await world.register("/all.yaml")
        before = await everything(world)
        due = await due_times(world)
    reads = list(web.reads)
    async with catalog(tmp_path, web) as world:
        await world.rest()
        assert await everything(world) == before
        assert web.reads == reads
        assert await due_times(world) == due


@pytest.mark.thorough
async def test_a_change_is_seen_and_uids_stay(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a")})
    async with catalog(tmp_path, web) as world:
        await world.register("/a.yaml")
        before = (await world.entity("component:default/a"))["metadata"]
        web.pages["/a.yaml"] = component("a", owner="team-b")
        await world.refresh("component:default/a")
        after = await world.entity("component:default/a")
        assert after["spec"]["owner"] == "team-b"
        assert after["metadata"]["uid"] == before["uid"]
        assert after["metadata"]["etag"] != before["etag"]


async def test_the_schedule_finds_changes_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(component("a"))
    configured = (CatalogLocation("file", str(file)),)
    async with catalog(tmp_path, locations=configured, processing_interval=0.1) as world:
        file.write_text(documents(component("a"), component("b")))
        await world.until("component:default/b")


async def test_an_owner_that_changes_hands_changes_both_groups(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a"), "/g.yaml": documents(group("team-a"), group("team-b"))})
    async with catalog(tmp_path, web) as world:
        await world.register("/a.yaml")
        await world.register("/g.yaml")
        web.pages["/a.yaml"] = component("a", owner="team-b")
        await world.refresh("component:default/a")
        assert (await world.entity("group:default/team-a"))["relations"] == []
        assert (await world.entity("group:default/team-b"))["relations"] == [
            {"type": "ownerOf", "targetRef": "component:default/a"}
        ]


async def test_an_entity_that_its_file_no_longer_has_is_removed(tmp_path: Path) -> None:
    web = Web({"/all.yaml": documents(component("a"), component("b"), group("team-a"))})
    async with catalog(tmp_path, web) as world:
        await world.register("/all.yaml")
        web.pages["/all.yaml"] = documents(component("a"), group("team-a"))
        await world.refresh("component:default/a")
        assert await world.refs() == {"component:default/a", "group:default/team-a"}
        assert (await world.entity("group:default/team-a"))["relations"] == [
            {"type": "ownerOf", "targetRef": "component:default/a"}
        ]


async def test_orphans_are_kept_and_marked_where_that_is_configured(tmp_path: Path) -> None:
    web = Web({"/all.yaml": documents(component("a"), component("b"))})
    async with catalog(tmp_path, web, orphan_strategy="keep") as world:
        await world.register("/all.yaml")
        web.pages["/all.yaml"] = component("a")
        await world.refresh("component:default/a")
        annotations = (await world.entity("component:default/b"))["metadata"]["annotations"]
        assert annotations["backstage.io/orphan"] == "true"


@pytest.mark.thorough
async def test_deleting_a_location_takes_all_below_it_at_once(tmp_path: Path) -> None:
    web = Web(
        {
            "/all.yaml": location("all", "./inner.yaml", "./shared.yaml"),
            "/inner.yaml": location("inner", "./deep.yaml"),
            "/deep.yaml": component("deep"),
            "/shared.yaml": component("shared"),
            "/other.yaml": location("other", "./shared.yaml"),
        }
    )
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/all.yaml")
        await world.register("/other.yaml")
        await world.service.delete_location(registered["id"])
        assert await world.refs() == {"location:default/other", "component:default/shared"}


async def test_an_entity_that_is_deleted_comes_back_while_its_location_has_it(tmp_path: Path) -> None:
    web = Web({"/all.yaml": documents(component("a"), group("team-a"))})
    async with catalog(tmp_path, web) as world:
        await world.register("/all.yaml")
        uid = (await world.entity("component:default/a"))["metadata"]["uid"]
        await world.service.remove_entity(uid)
        await world.rest()
        assert (await world.entity("component:default/a"))["metadata"]["uid"] != uid
        assert (await world.entity("group:default/team-a"))["relations"] == [
            {"type": "ownerOf", "targetRef": "component:default/a"}
        ]


async def test_a_refreshed_entity_does_not_wait_for_its_turn(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a")})
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/a.yaml")
        web.pages["/a.yaml"] = documents(component("a"), component("fresh"))
        await world.service.refresh(registered["entityRef"])
        await world.until("component:default/fresh")


async def test_the_queues_are_empty_at_rest(tmp_path: Path) -> None:
    web = Web({"/all.yaml": documents(*(component(f"c-{n}") for n in range(50)), group("team-a"))})
    async with catalog(tmp_path, web) as world:
        await world.register("/all.yaml")

        def count(connection: sa.Connection) -> list[int]:
            counts = (sa.select(sa.func.count()).select_from(table) for table in (process_queue, stitch_queue))
            return [connection.execute(query).scalar_one() for query in counts]

        assert await world.database.read(count) == [0, 0]
        assert (await world.service.register("url", f"{HOST}/none.yaml")).entities == []
