"""Path 3, Deploy to production: with a real git host, pushes and pull requests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.golden_paths import platform, produced
from tests.golden_paths.platform import Platform

FIRST, SECOND = (f"sha256:{digit * 64}" for digit in "12")
pytestmark = pytest.mark.thorough
SERVICE = {"service": f"component:default/{produced.NAME}"}
VALUES, STAGING = "deploy/production/values.yaml", "deploy/staging/values.yaml"
PATH = "deploy-to-production"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Platform]:
    source = produced.produce(produced.skeleton("go"), tmp_path / "clone")
    async with platform.running(tmp_path / "platform", source) as running:
        yield running


def image(sign: str, digest: str, revision: str) -> list[str]:
    """Return the lines of an image in the difference of two values; quotes stay what they are."""
    return [f'{sign}  {key}: "{value}"' for key, value in (("digest", digest), ("tag", revision))]


async def test_releases_are_promoted_one_after_the_other_with_what_is_new_in_each(site: Platform) -> None:
    first = await site.built("Round half up", FIRST)
    opened = await site.run(PATH, SERVICE)
    branch = f"promote-{'1' * 12}"
    assert opened.output["links"][0]["url"] == f"{site.sandbox.url}/{platform.SLUG}/pull/1"
    assert await site.difference(branch) == [f"+++ b/{VALUES}", *image("-", "", ""), *image("+", FIRST, first)]
    assert "This is the first release." in (await site.ask("/pulls/1"))["body"]
    await site.merged(branch)

    await site.commit("Greet @everybody", {"notes.txt": "hello"})
    second = await site.built("Count what is greeted", SECOND)
    await site.run(PATH, {**SERVICE, "note": "Look at the greetings"})
    assert await site.difference(f"promote-{'2' * 12}") == [
        f"+++ b/{VALUES}",
        *image("-", FIRST, first),
        *image("+", SECOND, second),
    ]
    pull = await site.ask("/pulls/2")
    assert pull["title"] == f"Deploy {produced.NAME} {second[:12]} to production"
    text = pull["body"]
    assert text.index("- `Count what is greeted` by `Ada`") < text.index("- `Greet @everybody` by `Ada`")
    assert "Round half up" not in text
    assert "[skip ci]" not in text
    assert f"/compare/{first}...{second}" in text
    assert "## Note\n\nLook at the greetings" in text


async def test_nothing_to_promote_is_said_and_nothing_is_opened(site: Platform) -> None:
    ended = await site.run(PATH, SERVICE)
    assert ended.output["text"][0]["title"] == "Nothing to promote"
    assert any("(no image yet)" in line for line in ended.log)
    revision = await site.built("Round half up", FIRST)
    await site.deployed("production", FIRST, revision)
    ended = await site.run(PATH, SERVICE)
    assert [one["title"] for one in ended.output["text"]] == ["Nothing to promote"]
    assert [one["title"] for one in ended.output["links"]] == ["Service"]
    assert any(f"runs what staging runs ({FIRST})" in line for line in ended.log)
    assert await site.ask("/pulls?state=all") == []


async def test_what_is_proposed_already_is_shown_and_stays_as_reviewers_left_it(site: Platform) -> None:
    await site.built("Round half up", FIRST)
    await site.run(PATH, SERVICE)
    branch = f"promote-{'1' * 12}"
    await site.git("fetch", "--quiet", "origin")
    await site.git("checkout", "--quiet", branch)
    site.write(VALUES, f"{(site.clone / VALUES).read_text()}\nreplicas: 4 # for the sale\n")
    await site.git("commit", "--quiet", "--all", "--message", "More replicas")
    await site.git("push", "--quiet", "origin", branch)
    kept = await site.git("rev-parse", "HEAD")
    await site.git("checkout", "--quiet", "main")
    again = await site.run(PATH, SERVICE)
    assert f"{site.sandbox.url}/{platform.SLUG}/pull/1 is open for it" in again.error
    assert (await site.git("ls-remote", "origin", f"refs/heads/{branch}")).split()[0] == kept


@pytest.mark.parametrize("lost", ["/git/refs", "/pulls"])
async def test_a_task_that_is_tried_again_goes_on_with_its_own_branch(site: Platform, lost: str) -> None:
    await site.built("Round half up", FIRST)
    site.sandbox.faults.lose_answer("POST", f"*{lost}")
    failed = await site.run(PATH, SERVICE)
    assert "does not answer" in failed.error
    await site.world.scaffolder.service.retry(failed.task_id, {}, site.world.credentials)
    ended = await site.ended(failed.task_id)
    assert ended.output["links"][0]["url"].endswith("/pull/1")
    assert len(await site.ask("/pulls?state=all")) == 1


async def test_comments_and_layout_of_production_stay(site: Platform) -> None:
    first = await site.built("Round half up", FIRST)
    text = (site.clone / VALUES).read_text()
    own = text.replace('digest: ""', "digest:   ''   # by promotion").replace("image:\n", "image:   # what runs\n")
    site.write(VALUES, f"{own}\nenv: {{GREETING:  'hello'}}\nenvFrom:\n- secretRef: {{name: x}}\n")
    await site.commit("Our layout")
    await site.run(PATH, SERVICE)
    assert await site.difference(f"promote-{'1' * 12}") == [
        f"+++ b/{VALUES}",
        "-  digest:   ''   # by promotion",
        '-  tag: ""',
        f"+  digest:   '{FIRST}'   # by promotion",
        f'+  tag: "{first}"',
    ]


async def test_going_back_is_said(site: Platform) -> None:
    first = await site.built("Round half up", FIRST)
    second = await site.built("Break it", SECOND)
    await site.deployed("production", SECOND, second)
    staging = (site.clone / STAGING).read_text()
    await site.commit("Staging goes back", {STAGING: staging.replace(SECOND, FIRST).replace(second, first)})
    await site.run(PATH, SERVICE)
    assert "**This goes back:** production has 2 commits" in (await site.ask("/pulls/1"))["body"]


async def test_a_change_of_main_beside_the_promotion_conflicts_where_people_see_it(site: Platform) -> None:
    """Two promotions are open: when one is merged, git refuses the other instead of taking it back silently."""
    await site.built("Round half up", FIRST)
    await site.run(PATH, SERVICE)
    await site.built("Count it", SECOND)
    await site.run(PATH, SERVICE)
    await site.merged(f"promote-{'2' * 12}")
    with pytest.raises(AssertionError, match="CONFLICT"):
        await site.merged(f"promote-{'1' * 12}")
