"""What is wrong is shown where it is, and everything else stays served."""

import asyncio
import time
from pathlib import Path

import pytest

from backstage_py.catalog.sources import reading
from tests import patience
from tests.catalog.harness import HOST, Web, catalog, component, documents, failure, group, location


@pytest.mark.thorough
async def test_malformed_yaml_is_shown_at_the_location_and_the_rest_stays(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a"), "/b.yaml": component("b")})
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/a.yaml")
        await world.register("/b.yaml")
        web.pages["/a.yaml"] = "a: [1, 2\n b: }"
        await world.refresh(registered["entityRef"])
        (problem,) = await world.problems(registered["entityRef"])
        assert problem.startswith(f"Error: YAML error at url:{HOST}/a.yaml, YAMLParseError: ")
        assert await world.refs() == {"component:default/a", "component:default/b"}
        web.pages["/a.yaml"] = component("a")
        await world.refresh(registered["entityRef"])
        assert await world.problems(registered["entityRef"]) == []


async def test_a_bad_target_does_not_keep_out_the_good_ones(tmp_path: Path) -> None:
    web = Web({"/all.yaml": location("all", "./good.yaml", "./missing.yaml"), "/good.yaml": component("good")})
    async with catalog(tmp_path, web) as world:
        await world.register("/all.yaml")
        assert await world.refs() == {"location:default/all", "component:default/good"}
        assert await world.problems("location:default/all") == [
            f"NotFoundError: Unable to read url, no matching files found for {HOST}/missing.yaml"
        ]
        del web.pages["/good.yaml"]
        await world.refresh("location:default/all")
        assert await world.has("component:default/good"), "what cannot be read is not known to be gone"


@pytest.mark.thorough
async def test_a_file_of_50_megabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    web = Web({"/huge.yaml": b"# " + b"x" * (50 * 1024 * 1024), "/a.yaml": component("a")})
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/huge.yaml")
        (problem,) = await world.problems(registered["entityRef"])
        assert problem.startswith(f"InputError: The file at url:{HOST}/huge.yaml has 50 MiB")
        await world.register("/a.yaml")
        assert await world.has("component:default/a")


async def test_a_server_in_trouble_is_named(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a")})
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/a.yaml")
        web.failing["/a.yaml"] = failure(500)
        await world.refresh(registered["entityRef"])
        assert await world.problems(registered["entityRef"]) == [
            "Error: Unable to read url, could not read the file, 500 Internal Server Error"
        ]
        assert await world.has("component:default/a")


async def test_a_location_that_never_answers_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_SECONDS", 3600.0)
    web = Web({"/a.yaml": component("a")}, hanging={"/endless.yaml", "/slow.yaml"})
    async with catalog(tmp_path, web) as world:
        await world.service.register("url", f"{HOST}/endless.yaml")
        await world.service.register("url", f"{HOST}/a.yaml")
        await world.until("component:default/a")
        monkeypatch.setattr(reading, "_SECONDS", 1.0)
        slow = (await world.service.register("url", f"{HOST}/slow.yaml")).location
        await world.until(slow["entityRef"])
        await patience.until_answered(lambda: world.problems(slow["entityRef"]), "it is given up")
        (problem,) = await world.problems(slow["entityRef"])
        assert problem == f"Error: Unable to read url, {HOST}/slow.yaml did not answer within 1 seconds"


async def test_an_entity_that_is_not_valid_is_shown_at_its_location(tmp_path: Path) -> None:
    bad = component("bad").replace("  owner: team-a\n", "")
    async with catalog(tmp_path, Web({"/all.yaml": documents(bad, component("good"))})) as world:
        registered = await world.register("/all.yaml")
        assert await world.refs() == {"component:default/good"}
        (problem,) = await world.problems(registered["entityRef"])
        assert problem == (
            "component:default/bad: InputError: Processor BuiltinKindsEntityProcessor threw an error while validating "
            "the entity component:default/bad; caused by TypeError: /spec must have required property 'owner' - "
            "missingProperty: owner"
        )


async def test_an_entity_that_becomes_invalid_keeps_what_it_was_and_says_so(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a")})
    async with catalog(tmp_path, web) as world:
        await world.register("/a.yaml")
        web.pages["/a.yaml"] = component("a").replace("  owner: team-a\n", "")
        await world.refresh("component:default/a")
        assert (await world.entity("component:default/a"))["spec"]["owner"] == "team-a"
        (problem,) = await world.problems("component:default/a")
        assert "must have required property 'owner'" in problem
        web.pages["/a.yaml"] = component("a", owner="team-b")
        await world.refresh("component:default/a")
        assert await world.problems("component:default/a") == []
        assert (await world.entity("component:default/a"))["spec"]["owner"] == "team-b"


@pytest.mark.thorough
async def test_two_locations_that_claim_one_entity(tmp_path: Path) -> None:
    web = Web({"/first.yaml": component("a", owner="first"), "/second.yaml": component("a", owner="second")})
    async with catalog(tmp_path, web) as world:
        first = await world.register("/first.yaml")
        second = await world.register("/second.yaml")
        assert (await world.entity("component:default/a"))["spec"]["owner"] == "first"
        assert await world.problems(first["entityRef"]) == []
        (problem,) = await world.problems(second["entityRef"])
        assert problem.startswith(
            f"ConflictError: Entity component:default/a is already in the catalog from url:{HOST}/first.yaml"
        )
        await world.service.delete_location(first["id"])
        await world.refresh(second["entityRef"])
        assert (await world.entity("component:default/a"))["spec"]["owner"] == "second"
        assert await world.problems(second["entityRef"]) == []


async def test_locations_that_lead_to_each_other_end_with_their_root(tmp_path: Path) -> None:
    web = Web(
        {
            "/a.yaml": documents(location("a", "./b.yaml"), component("one")),
            "/b.yaml": documents(location("b", "./a.yaml"), component("two")),
        }
    )
    async with catalog(tmp_path, web) as world:
        registered = await world.register("/a.yaml")
        assert {"component:default/one", "component:default/two"} <= await world.refs()
        await world.service.delete_location(registered["id"])
        await world.rest()
        assert await world.refs() == set()


async def test_keys_that_differ_in_case_only_leave_the_entity_as_it_was(tmp_path: Path) -> None:
    web = Web({"/a.yaml": component("a"), "/b.yaml": group("b")})
    async with catalog(tmp_path, web) as world:
        await world.register("/a.yaml")
        web.pages["/a.yaml"] = component("a", Owner="x")
        await world.refresh("component:default/a")
        assert "Owner" not in (await world.entity("component:default/a"))["spec"]
        await world.register("/b.yaml")
        assert await world.has("group:default/b")


@pytest.mark.thorough
async def test_readers_are_answered_while_a_large_file_comes_in(tmp_path: Path) -> None:
    many = documents(*(component(f"c-{number}") for number in range(2000)))
    async with catalog(tmp_path, Web({"/a.yaml": component("a"), "/many.yaml": many})) as world:
        await world.register("/a.yaml")
        await world.service.register("url", f"{HOST}/many.yaml")
        answered = 0
        end = time.monotonic() + patience.SECONDS
        while not await world.has("component:default/c-1999") and time.monotonic() < end:
            assert await world.has("component:default/a")
            answered += 1
            await asyncio.sleep(0)
        await world.rest()
        assert answered > 10
        assert len(await world.refs()) == 2001
