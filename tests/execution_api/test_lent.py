"""What of the service's credentials a pod gets."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import NotAllowedError
from backstage_py.execution.messages import Answer, Ask, FromService
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.http import UrlContent
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services, action
from backstage_py.scaffolder.executors.host import Host
from backstage_py.scaffolder.executors.kubernetes.lent import Lent
from backstage_py.settings.sections import ReadingRule
from tests.execution.pair import Everything, Pair

GITHUB = ScmIntegration("github", "github.com", "GitHub", "https://api.github.com", None, "gh-token", {"apps": ["key"]})
OPENED = ReadingRule("open.example", ("/public/",))
GITLAB = ScmIntegration(
    "gitlab", "gitlab.example", "GitLab", None, None, "gl-token", {"baseUrl": "https://gitlab.example"}
)


@action("acme:nothing", {"type": "object"})
async def nothing(_: Any) -> None:
    """Do nothing."""


class Hosts:
    def by_host(self, host: str) -> ScmIntegration | None:
        return {one.host: one for one in (GITHUB, GITLAB)}.get(host)

    def by_url(self, url: str) -> ScmIntegration | None:
        return next((one for one in (GITHUB, GITLAB) if one.host in url), None)

    def all(self) -> list[ScmIntegration]:
        return [GITHUB, GITLAB]

    async def token(self, host: str, owner: str | None = None) -> str | None:
        found = self.by_host(host)
        return found.token if found else None


class Reader:
    """Reads everything, with the service's credentials; and knows which repository is whose, as the real one does."""

    def __init__(self) -> None:
        self.read_urls: list[str] = []
        self.same_repository = UrlReading(HttpClient(), ScmRegistry([GITHUB, GITLAB]), (OPENED,)).same_repository

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent:
        self.read_urls.append(url)
        return UrlContent(b"content", etag or token)


class Backstage:
    def __init__(self) -> None:
        self.tokens: list[str | None] = []

    async def request(self, *_: Any, token: str | None, **__: Any) -> None:
        self.tokens.append(token)


def lent(given: Any, **more: Any) -> Lent:
    backstage: Any = Backstage()
    reader: Any = Reader()
    config = {"a": {"b": 1, "c": 2}, "d": 3}
    services = Services(integrations=Hosts(), backstage=backstage, config=config, url_reader=reader)
    return Lent(given, {"KEY": "a-secret", "OTHER": "not-mentioned", "backstageToken": "user-token"}, services, **more)


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("github.com?owner=acme&repo=web", True),
        ("https://github.com/acme/web", True),
        ("git@GitHub.com:acme/web", True),
        ("see github.com.", True),
        ("notgithub.com", False),
        ("github.com.evil.example", False),
        ("sub.github.com", False),
        ("github-com", False),
        ("", False),
    ],
)
async def test_a_hosts_credentials_go_only_to_a_step_that_names_it(text: str, is_named: bool) -> None:
    found = lent({"deep": [{"repoUrl": text}]})
    answers = found.overrides
    shown = await answers["integrations", "by_host"]("github.com")
    assert (shown.token, shown.options) == (("gh-token", {"apps": ["key"]}) if is_named else (None, {}))
    other = await answers["integrations", "by_url"]("https://gitlab.example/x")
    assert (other.token, other.options) == (None, {"baseUrl": "https://gitlab.example"})
    assert {one.token for one in await answers["integrations", "all"]()} == ({"gh-token", None} if is_named else {None})
    if is_named:
        assert await answers["integrations", "token"]("github.com", None) == "gh-token"
    else:
        with pytest.raises(NotAllowedError, match="whose input names that host"):
            await answers["integrations", "token"]("github.com")


TEMPLATE = "https://github.com/acme/templates/blob/main/service/template.yaml"
LISTED = (ReadingRule("gitlab.example", ("/acme/skeletons/",)), ReadingRule("files.example"))


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/templates/tree/main/service/skeleton",
        "https://GITHUB.com/acme/templates/blob/v2/other.yaml",
        "https://gitlab.example/acme/skeletons/-/tree/main",
        "https://files.example/anything",
        "https://open.example/public/x",
    ],
)
async def test_a_pod_reads_the_templates_own_repository_and_what_is_listed(url: str) -> None:
    found = lent({}, base=TEMPLATE, reads=LISTED)
    assert await found.overrides["url_reader", "read"](url)
    reader: Any = found.services.url_reader
    assert reader.read_urls == [url]


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/secrets/blob/main/keys",
        "https://github.com/acme/templates-private/blob/main/keys",
        "https://github.com/acme/templates/../secrets/blob/main/keys",
        "https://github.com/acme/templates/%2e%2e/secrets/blob/main/keys",
        "https://raw.githubusercontent.com/acme/secrets/main/keys",
        "https://gitlab.example/acme/skeletons-private/-/blob/main/keys",
        "https://gitlab.example/acme/skeletons/..%2fprivate/-/blob/main/keys",
        "https://gitlab.example/",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "no url",
    ],
)
@pytest.mark.parametrize("base", [TEMPLATE, "file:///templates/service/template.yaml", None])
async def test_a_pod_reads_nothing_else_with_the_services_credentials(url: str, base: str | None) -> None:
    found = lent({}, base=base, reads=LISTED)
    reader: Any = found.services.url_reader
    for arguments in ({}, {"token": "made up"}, {"etag": "1"}):
        with pytest.raises(NotAllowedError, match=r"scaffolder\.executor\.kubernetes\.reads"):
            await found.overrides["url_reader", "read"](url, **arguments)
    with pytest.raises(NotAllowedError):
        found.check_read(url)  # as is asked before a folder is read
    assert reader.read_urls == []


@pytest.mark.parametrize("given", ["https://gitlab.example/acme/web", "gitlab.example?owner=acme&repo=web"])
async def test_a_pod_reads_from_the_hosts_of_its_steps_input(given: str) -> None:
    found = lent({"url": given})
    assert await found.overrides["url_reader", "read"]("https://gitlab.example/acme/other/-/blob/main/x")
    with pytest.raises(NotAllowedError):
        await found.overrides["url_reader", "read"]("https://gitlab.example:8443/acme/other/-/blob/main/x")


def test_secrets_are_those_of_the_steps_input() -> None:
    found = lent({"header": "Bearer a-secret"}).secrets
    assert found["KEY"] == "a-secret"
    assert "OTHER" not in found


async def test_the_users_token_stays_here_and_pods_act_as_the_user_alone() -> None:
    found = lent({})
    word = found.secrets["backstageToken"]
    assert "user-token" not in word
    request = found.overrides["backstage", "request"]
    for path in ("/api/catalog/x", "catalog/x"):
        await request("GET", path, token=word)
    await request("GET", "/api/catalog/x", token=None)
    await request("GET", "/api/catalog/x", token="made up")  # of the test
    backstage: Any = found.services.backstage
    assert backstage.tokens == ["user-token", "user-token", None, "made up"]
    assert found.offered.own_token is None


@pytest.mark.parametrize("url", ["https://echo.example/x", "HTTPS://echo.example/x", "http://echo.example"])
async def test_the_users_token_goes_to_plugins_alone(url: str) -> None:
    """A host that is allowed besides may tell the pod what it got."""
    found = lent({})
    for token in (found.secrets["backstageToken"], None):
        await found.overrides["backstage", "request"]("GET", url, token=token)
    backstage: Any = found.services.backstage
    assert backstage.tokens == [None, None]


@pytest.mark.parametrize("given", [{"backstageToken": "user-token"}, {}])
async def test_a_pod_never_acts_as_the_service(given: dict[str, str], tmp_path: Path) -> None:
    everything: Any = Everything()
    lent = Lent({}, given, Services(catalog=everything, remote_actions=everything))
    pair = Pair(tmp_path)
    answers: asyncio.Queue[FromService] = asyncio.Queue()

    context = pair.context({})
    host = Host(nothing, context, answers.put, "1", None, lent.offered, lent.overrides, caller=lent.as_user)
    numbers = {"a": 1, "b": 2}
    asked = [
        Ask(1, "catalog", "entities_by_refs", (["a"],), {"token": None}),
        Ask(2, "catalog", "add_location", ("b",), {"token": None}),
        Ask(3, "remote_actions", "run", ("other:add", numbers, None)),
        Ask(4, "remote_actions", "run", ("other:add", numbers, lent.secrets.get("backstageToken"))),
    ]
    for one in asked:
        await host.take(one)
    found = [await answers.get() for _ in asked]
    assert not [one for one in found if not isinstance(one, Answer) or one.error]
    told = json.dumps([one.value for one in found if isinstance(one, Answer)])
    assert "null" not in told
    assert told.count("user-token") == (6 if given else 0)


def test_of_the_configuration_goes_what_the_operator_listed() -> None:
    assert lent({}, keys=("a.b", "x.y")).offered.config == {"a": {"b": 1}}
    assert lent({}).offered.config == {}
