"""The catalog asks no more of a host than it lets, and leaves a share of that to people."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from backstage_py.catalog.sources.kept_answers import KeptAnswers
from backstage_py.integrations.web import rates
from backstage_py.integrations.web.http import HttpClient
from backstage_py.integrations.web.rates import SlowDownError
from backstage_py.storage import migrate
from backstage_py.storage.catalog.reads import ReadStore
from backstage_py.storage.database import Database
from tests.github_sources import site
from tests.github_sources.host import Asked, GithubHost, component
from tests.github_sources.site import OFTEN
from tests.github_sources.test_discovery import github
from tests.integrations import web_host


def asking(http: HttpClient, host: GithubHost, number: int) -> asyncio.Task[int]:
    async def ask() -> int:
        return (await http.get(f"{host.url}/api/v3/repos/acme/r{number}/contents/catalog-info.yaml")).status

    return asyncio.create_task(ask())


async def test_background_work_leaves_a_tenth_to_people(host: GithubHost) -> None:
    host.repo("acme/r0")
    async with HttpClient(lambda _host, _port: True) as http:
        host.budget = 502
        with rates.background():
            tasks = [asking(http, host, 0) for _ in range(2)]
            assert await asyncio.gather(*tasks) == [200, 200]
            refused = asking(http, host, 0)
        (error,) = await asyncio.gather(refused, return_exceptions=True)
        assert isinstance(error, SlowDownError)
        assert "500 of 5000 are left, which are kept for people" in str(error)
        assert await asking(http, host, 0) == 200
        assert [(one.kind, one.requests, one.remaining) for one in http.rates.all()] == [("core", 3, 499)]


async def test_background_work_asks_six_times_at_once(host: GithubHost) -> None:
    most, now = 0, 0
    held = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        nonlocal most, now
        now += 1
        most = max(most, now)
        if most >= 6:
            held.set()
        await held.wait()
        await asyncio.sleep(0.05)  # long enough for a seventh to come, were it sent
        now -= 1
        return web.Response(text="")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with HttpClient(lambda _host, _port: True) as http:
            with rates.background():
                tasks = [asking(http, host, number) for number in range(20)]
            await asyncio.gather(*tasks)
    finally:
        await runner.cleanup()
    assert most == 6


async def test_entities_are_no_worse_while_their_host_wants_a_pause(host: GithubHost, tmp_path: Path) -> None:
    repo = host.repo("acme/web", files={"a/catalog-info.yaml": component("web")})
    asked = {**github(host, OFTEN)["github"], "catalogPath": "a/catalog-info.yaml"}

    def limited(asked: Asked) -> web.Response | None:
        headers = {"retry-after": "600"}
        return web.json_response({"message": "You have exceeded a secondary rate limit"}, status=403, headers=headers)

    async with site.running(host, tmp_path, {"github": asked}, processingInterval="1s") as running:
        await running.until("web")
        host.refusal = limited
        await running.until_read("info")
        await asyncio.sleep(2.5)  # two intervals of processing
        found = (await running.entities())["web"]
        assert "status" not in found
        assert all("status" not in one for one in (await running.entities("location")).values())
        assert repo.files


async def test_a_page_that_has_not_changed_is_known_after_a_restart(host: GithubHost, tmp_path: Path) -> None:
    repo = host.repo("acme/r0")
    url = f"{host.url}/api/v3/repos/acme/r0/contents/catalog-info.yaml"
    database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    await migrate.upgrade(database)

    async def read(token: str) -> tuple[int, str]:
        async with HttpClient(lambda _host, _port: True, keeper=KeptAnswers(ReadStore(database))) as http:
            answer = await http.get_kept(url, headers={"Authorization": f"Bearer {token}"})
            return answer.status, answer.body.decode()

    async with database.running():
        first = repo.files["catalog-info.yaml"]
        assert [await read("one") for _ in range(3)] == [(200, first)] * 3
        assert host.unchanged == 2
        assert await read("two") == (200, first)
        assert host.unchanged == 2, "another token may see something else"
        repo.files["catalog-info.yaml"] = "changed"
        assert [await read("one") for _ in range(2)] == [(200, "changed")] * 2
        assert host.unchanged == 3


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry-After": "9" * 400}),
        (429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
        (200, {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1999999999000"}),
    ],
)
async def test_a_host_that_wants_to_be_left_alone_for_ever_is_asked_again_within_an_hour(
    status: int, headers: dict[str, str]
) -> None:
    async with web_host.serve() as running, HttpClient(lambda _host, _port: True) as http:
        running.text("/x", "", status=status, **{name.replace("-", "_"): value for name, value in headers.items()})
        with rates.background():
            assert (await http.get(f"{running.url}/x")).status == status
            with pytest.raises(SlowDownError) as caught:
                await http.get(f"{running.url}/x")
        assert 3500 < caught.value.wait <= 3600
