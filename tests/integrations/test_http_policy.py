import asyncio
import time
from collections.abc import Iterable
from email.utils import formatdate

import pytest
from aiohttp import web

from backstage_py.errors import ForeignError, NotAllowedError, ServiceUnavailableError
from backstage_py.integrations.hosts.reading_rules import is_allowed
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.web import addresses
from backstage_py.integrations.web.http import HttpClient, Limits, listed_hosts, retry_after
from backstage_py.settings.sections import ReadingRule
from tests.integrations.web_host import WebHost

QUICK = Limits(body=1000, seconds=60, attempts=3, longest_wait=2)


def client(*hosts: str, limits: Limits = QUICK) -> HttpClient:
    return HttpClient(listed_hosts(hosts), limits)


def reader(http: HttpClient, rules: Iterable[ReadingRule]) -> UrlReading:
    return UrlReading(http, ScmRegistry(), tuple(rules))


async def test_a_private_address_is_not_read_unless_it_is_listed(web_host: WebHost) -> None:
    web_host.text("/a", "secret")
    async with client() as http:
        with pytest.raises(NotAllowedError, match="private address"):
            await http.get(f"{web_host.url}/a")
    assert web_host.requests == []
    async with client(web_host.authority) as http:
        assert (await http.get(f"{web_host.url}/a")).body == b"secret"


async def test_a_listed_host_opens_no_other_port(web_host: WebHost, other_host: WebHost) -> None:
    async with client(web_host.authority) as http:
        with pytest.raises(NotAllowedError):
            await http.get(f"{other_host.url}/a")


async def test_a_name_that_leads_to_a_private_address_is_not_read(web_host: WebHost) -> None:
    port = web_host.authority.partition(":")[2]
    async with client() as http:
        with pytest.raises(NotAllowedError, match="private address"):
            await http.get(f"http://localhost:{port}/a")
    async with client(f"localhost:{port}") as http:
        assert (await http.get(f"http://localhost:{port}/a")).status == 404


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"])
async def test_other_spellings_of_loopback_are_blocked(web_host: WebHost, host: str) -> None:
    port = web_host.authority.partition(":")[2]
    async with client() as http:
        with pytest.raises((NotAllowedError, ServiceUnavailableError)):
            await http.get(f"http://{host}:{port}/a")
    assert web_host.requests == []


@pytest.mark.parametrize("text", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"])
def test_metadata_services_are_known(text: str) -> None:
    address = addresses.literal(text)
    assert address
    assert addresses.is_metadata(address)
    assert not addresses.is_public(address)


@pytest.mark.parametrize("text", ["64:ff9b::a00:1", "2002:a00:1::", "10.0.0.1", "224.0.0.1", "100.64.0.1"])
def test_private_addresses_in_other_forms_are_known(text: str) -> None:
    address = addresses.literal(text)
    assert address
    assert not addresses.is_public(address)


async def test_the_allow_list_is_asked_again_at_each_redirect(web_host: WebHost, other_host: WebHost) -> None:
    """CVE-2026-24048: redirects led past the list."""
    other_host.text("/secret", "secret")
    web_host.redirect("/open/away", f"{other_host.url}/secret")
    web_host.redirect("/open/aside", "/closed")
    web_host.redirect("/open/on", "/open/there")
    web_host.text("/open/there", "found")
    web_host.text("/closed", "closed")
    rules = [ReadingRule(web_host.authority, ("/open",))]
    async with HttpClient(listed(ScmRegistry(), rules, [other_host.authority]), QUICK) as http:
        read = reader(http, rules)
        found = await read.read(f"{web_host.url}/open/on")
        assert found
        assert found.content == b"found"
        for path in ("/open/away", "/open/aside"):
            with pytest.raises(NotAllowedError, match=r"not allowed by backend\.reading\.allow"):
                await read.read(f"{web_host.url}{path}")
    assert other_host.requests == []


async def test_a_guard_is_asked_once_for_each_hop(web_host: WebHost, other_host: WebHost) -> None:
    web_host.redirect("/a", f"{other_host.url}/b")
    other_host.text("/b", "here")
    asked: list[str] = []
    async with client(web_host.authority, other_host.authority) as http:
        await http.get(f"{web_host.url}/a", guard=asked.append)
    assert asked == [f"{web_host.url}/a", f"{other_host.url}/b"]


async def test_credentials_do_not_follow_a_redirect_to_another_host(web_host: WebHost, other_host: WebHost) -> None:
    web_host.redirect("/a", f"{other_host.url}/b")
    other_host.text("/b", "ok")
    async with client(web_host.authority, other_host.authority) as http:
        await http.get(f"{web_host.url}/a", headers={"Authorization": "Bearer t", "X-Plain": "1"})
    assert "Authorization" in web_host.requests[0].headers
    assert "Authorization" not in other_host.requests[0].headers
    assert other_host.requests[0].headers["X-Plain"] == "1"


async def test_redirects_end(web_host: WebHost) -> None:
    web_host.redirect("/a", "/a")
    async with client(web_host.authority) as http:
        with pytest.raises(ForeignError, match="Too many redirects"):
            await http.get(f"{web_host.url}/a")


async def test_only_http_is_spoken() -> None:
    async with client() as http:
        with pytest.raises(NotAllowedError, match="only http and https"):
            await http.get("file:///etc/passwd")


async def test_a_body_that_is_too_large_is_refused(web_host: WebHost) -> None:
    web_host.text("/a", "x" * 1001)
    async with client(web_host.authority) as http:
        with pytest.raises(ForeignError, match="larger than"):
            await http.get(f"{web_host.url}/a")


async def test_a_host_that_does_not_answer_is_given_up(web_host: WebHost) -> None:
    async def never(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(10)
        return web.Response()

    web_host.answers["/slow"] = never
    async with client(web_host.authority, limits=Limits(seconds=0.1, attempts=1)) as http:
        with pytest.raises(ServiceUnavailableError, match=r"no answer within 0\.1 seconds"):
            await http.get(f"{web_host.url}/slow")


async def test_a_busy_host_is_asked_again(web_host: WebHost) -> None:
    answers = iter([503, 429, 200])

    async def busy(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=next(answers), text="done", headers={"Retry-After": "0"})

    web_host.answers["/a"] = busy
    async with client(web_host.authority) as http:
        assert (await http.get(f"{web_host.url}/a")).body == b"done"
    assert len(web_host.requests) == 3


async def test_a_long_wait_is_not_waited_for_and_keeps_others_from_asking(web_host: WebHost) -> None:
    web_host.text("/a", "", status=403, Retry_After="600")
    web_host.text("/b", "fine")
    async with client(web_host.authority) as http:
        assert (await http.get(f"{web_host.url}/a")).status == 403
        with pytest.raises(ServiceUnavailableError, match="limits the rate of requests"):
            await http.get(f"{web_host.url}/b")
    assert len(web_host.requests) == 1


def test_hosts_say_in_three_ways_how_long_to_wait() -> None:
    assert retry_after({"retry-after": "7"}) == 7
    now = time.time()
    assert retry_after({"retry-after": formatdate(now + 30, usegmt=True)}, now=now) == pytest.approx(30, abs=1)
    assert retry_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, now=1000) == 30
    assert retry_after({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "1030"}, now=1000) is None


async def test_requests_to_one_host_at_the_same_time_are_bounded(web_host: WebHost) -> None:
    running = most = 0

    async def count(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.Response()

    web_host.answers["/a"] = count
    async with client(web_host.authority, limits=Limits(per_host=3)) as http:
        await asyncio.gather(*(http.get(f"{web_host.url}/a") for _ in range(20)))
    assert most == 3


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.com/a", True),
        ("https://example.com:443/a", True),
        ("https://example.com:8443/a", False),
        ("https://sub.example.com/a", False),
        ("https://x.wild.example/a", True),
        ("https://wild.example/a", False),
        ("https://evilwild.example/a", False),
        ("https://ports.example:8005/a", True),
        ("https://ports.example:9000/a", False),
        ("https://paths.example/docs", True),
        ("https://paths.example/docs/x", True),
        ("https://paths.example/docs2", False),
        ("https://paths.example/docs/../other", False),
        ("ftp://example.com/a", False),
    ],
)
def test_rules_name_hosts_ports_and_paths(url: str, *, allowed: bool) -> None:
    rules = [
        ReadingRule("example.com"),
        ReadingRule("*.wild.example"),
        ReadingRule("ports.example:8000-8010"),
        ReadingRule("paths.example", ("/docs",)),
    ]
    assert is_allowed(url, rules) is allowed
