"""Workspaces that travel over a bucket: what is new, once, sealed; and what links do not open."""

import asyncio
import hashlib
import http.client
import json
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest

from backstage_py.disk import MIB
from backstage_py.errors import InputError
from backstage_py.execution import sealed
from backstage_py.execution.carrier import Carrier
from backstage_py.execution.http_calls import Calls
from backstage_py.folders.packing import Packer
from backstage_py.folders.receiving import LARGEST_BLOB, Bounds
from backstage_py.model.task import AttemptKey
from backstage_py.scaffolder.executors.kubernetes.depots import Depots
from backstage_py.settings.sections.kubernetes_executor import BucketSettings
from tests.execution_api import stage, talking
from tests.execution_api.talking import Answer, Api, Talker
from tests.execution_api.test_pods import works
from tests.integrations.kube_server import Parts

if TYPE_CHECKING:
    from tests.s3 import Server

pytest.importorskip("boto3", reason="the extra 's3' (boto3) is not installed")
pytest.importorskip("moto.server", reason="moto[server] of the dependency group 'dev' is not installed")
s3 = pytest.importorskip("tests.s3")
pytestmark = pytest.mark.thorough

MINE, NEXT, THEIRS = "task-a.1.1.0", "task-a.1.2.0", "task-b.1.1.0"
ROOT = "scaffolder-steps/ours/"
BOUNDS = Bounds(40 * MIB, 1_000)


@pytest.fixture(scope="module")
def server() -> Iterator["Server"]:
    with s3.serving() as found:
        yield found


@pytest.fixture
def settings(server: "Server", tmp_path: Path) -> BucketSettings:
    bucket = f"bucket-{tmp_path.name.replace('_', '-')}".lower()
    server.new_bucket(bucket)
    server.seen.clear()
    server.puts.clear()
    return BucketSettings(
        bucket=bucket,
        region=s3.REGION,
        endpoint=server.url,
        access_key_id="service",
        secret_access_key=s3.SECRET,
    )


@pytest.fixture
async def api(settings: BucketSettings, tmp_path: Path) -> AsyncIterator[Api]:
    async with talking.serving(tmp_path, Depots(settings, "ours"), BOUNDS) as served:
        yield served


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close what pods have open."""
    yield
    while Pod.all:
        Pod.all.pop().calls.close()


class Pod:
    """The pod's end of a session."""

    all: ClassVar[list["Pod"]] = []

    def __init__(self, api: Api, key: str, token: str) -> None:
        self.root = api.folder / f"pod-{key}"
        self.calls = Calls(f"{api.talker.url}/{key}", token)
        self.carrier = Carrier(self.calls, self.root)
        self.all.append(self)

    async def fetch(self) -> None:
        await asyncio.to_thread(self.carrier.fetch)

    async def send(self) -> None:
        await asyncio.to_thread(self.carrier.send)


async def opened(api: Api, key: str) -> tuple[Pod, Path]:
    """A pod, and the workspace that the service has for it."""
    _, token = await api.opened(key)
    task_id, claim, *_ = key.split(".")
    return Pod(api, key, token), api.contents[task_id, claim].root


def fill(root: Path) -> None:
    (root / "text").write_text("plain words")
    (root / "large").write_bytes(os.urandom(20 * MIB))


def same(one: Path, other: Path) -> bool:
    return {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in other.iterdir()
    }


async def test_a_workspace_travels_over_the_bucket_and_back(
    api: Api, server: "Server", settings: BucketSettings
) -> None:
    pod, root = await opened(api, MINE)
    fill(root)
    await pod.fetch()
    assert same(pod.root, root)
    assert [method for method, *_ in server.seen] == ["GET"] * 3
    (pod.root / "text").write_text("other words")
    (pod.root / "made").write_bytes(os.urandom(9 * MIB))
    await pod.send()
    assert same(pod.root, root)
    assert [method for method, *_ in server.seen[3:]] == ["PUT"] * 2
    assert not [key for key in server.objects(settings.bucket) if "/up/" in key]  # what was taken is gone


async def test_a_later_pod_of_the_attempt_reads_what_is_there(api: Api, server: "Server") -> None:
    first, root = await opened(api, MINE)
    fill(root)
    await first.fetch()
    put = len(server.puts)
    (root / "text").write_text("changed meanwhile")
    second, _ = await opened(api, NEXT)
    await second.fetch()
    assert same(second.root, root)
    assert len(server.puts) == put + 1  # what changed


async def test_what_lies_in_the_bucket_is_sealed(api: Api, server: "Server", settings: BucketSettings) -> None:
    pod, root = await opened(api, MINE)
    fill(root)
    await pod.fetch()
    depot = api.contents["task-a", "1"].depot
    assert depot
    for key, content in server.objects(settings.bucket).items():
        assert key.startswith(f"{ROOT}task-a.1/down/")
        assert key.endswith(hashlib.sha256(content).hexdigest())
        with pytest.raises(zlib.error):
            zlib.decompress(content)
        assert zlib.decompress(depot.unseal(content))
        assert depot.key not in content


async def test_what_breaks_off_goes_on_where_it_was(api: Api, server: "Server") -> None:
    pod, root = await opened(api, MINE)
    fill(root)
    server.breaks = 2
    await pod.fetch()
    assert same(pod.root, root)
    ranges = [range_ for _, _, range_ in server.seen if range_]
    assert len(ranges) == 2
    assert all(one.removeprefix("bytes=").removesuffix("-").isdecimal() for one in ranges)


@pytest.mark.parametrize("away", ["the pod", "all"])
async def test_a_bucket_that_is_away_holds_up_nobody(
    away: str, settings: BucketSettings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = "http://127.0.0.1:1"
    changed = replace(settings, pod_endpoint=nowhere) if away == "the pod" else replace(settings, endpoint=nowhere)
    async with talking.serving(tmp_path, Depots(changed, "ours"), BOUNDS) as api:
        pod, root = await opened(api, MINE)
        fill(root)
        await pod.fetch()
        (pod.root / "made").write_text("in the pod")
        await pod.send()
        assert same(pod.root, root)
    assert ("The bucket for workspaces does not answer this pod" in capfd.readouterr().err) == (away == "the pod")


async def test_an_attempt_that_is_over_leaves_nothing(api: Api, server: "Server", settings: BucketSettings) -> None:
    pod, root = await opened(api, MINE)
    fill(root)
    await pod.fetch()
    assert server.objects(settings.bucket)
    depot = api.contents["task-a", "1"].depot
    assert depot
    await asyncio.to_thread(depot.close)
    assert not server.objects(settings.bucket)


async def test_what_a_lost_replica_left_is_swept(api: Api, server: "Server", settings: BucketSettings) -> None:
    for key in (MINE, THEIRS):
        pod, root = await opened(api, key)
        (root / "text").write_text("words")
        await pod.fetch()
    others = ("notes.txt", f"{ROOT}notes.txt", f"{ROOT}notes/x", "scaffolder-steps/other/task-a.1/down/x")
    for key in others:
        server.client.put_object(Bucket=settings.bucket, Key=key, Body=b"x")

    async def is_current(attempt: AttemptKey) -> bool:
        return attempt == ("task-b", 1)

    assert await Depots(settings, "ours").sweep(is_current) == 1
    left = set(server.objects(settings.bucket))
    assert left >= set(others)
    assert {key.split("/")[2] for key in left - set(others)} == {"task-b.1"}


async def test_a_step_leaves_nothing_in_the_bucket(
    parts: Parts, server: "Server", settings: BucketSettings, tmp_path: Path
) -> None:
    async with stage.on_its_own(parts, tmp_path, bucket=settings) as (_, on):
        (on.workspace / "given").write_text("by the service")
        (on.workspace / "gone").write_text("soon")
        await on.run(works)
        assert on.step.sink.outputs["seen"] == "by the service"
        assert (on.workspace / "made").read_text() == "by the pod"
        assert {method for method, *_ in server.seen} == {"GET", "PUT"}
        for pods in on.attempts.values():
            await pods.close()
    assert not server.objects(settings.bucket)
    assert [path.name for path in on.workspace.parent.glob("*_step-*")] == []


# Abuse: a pod has its token and the links that it is given, and tries what it can.


async def blob_of(api: Api, key: str, token: str) -> str:
    """The name of a part of a session's workspace."""
    answer = await api.talker.call("GET", f"{key}/workspace", token)
    [name, _, _] = json.loads(zlib.decompress(answer.body))["blobs"][0]
    return str(name)


async def link_of(api: Api, key: str, token: str, name: str) -> Any:
    answer = await api.talker.call("GET", f"{key}/blobs/{name}/link", token)
    assert answer.status == 200, answer
    return answer.json


async def offered(api: Api, token: str, content: bytes) -> Any:
    name = hashlib.sha256(content).hexdigest()
    answer = await api.talker.call("POST", f"{MINE}/blobs/{name}/link", token, str(len(content)).encode())
    assert answer.status == 200, answer
    return answer.json


async def asked(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    """Use a link as it is, and return the status."""
    return await asyncio.to_thread(_asked, method, url, body, headers or {})


def _asked(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> int:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        connection.request(method, f"{place.path}?{place.query}", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


async def test_a_link_reads_one_object_and_nothing_else(api: Api, server: "Server", settings: BucketSettings) -> None:
    _, mine = await api.opened(MINE)
    _, theirs = await api.opened(THEIRS)
    for key in (MINE, THEIRS):
        (api.folder / key / "file").write_text(f"of {key}")
    my_name, their_name = await blob_of(api, MINE, mine), await blob_of(api, THEIRS, theirs)
    url = (await link_of(api, MINE, mine, my_name))["url"]
    await link_of(api, THEIRS, theirs, their_name)
    assert await asked("GET", url) == 200
    path = urlsplit(url).path
    their_path = path.replace("task-a", "task-b").replace(my_name, their_name)
    assert their_path.split("/", 2)[2] in server.objects(settings.bucket)
    tricks = [
        url.replace(path, their_path),
        url.replace(path, f"{path}/../{their_name}"),
        url.replace(path, f"/{settings.bucket}/"),
        url.replace(path, "/"),
        url + "&versionId=1",
        url.replace("X-Amz-Expires=300", "X-Amz-Expires=9999"),
        url.partition("?")[0] + "?",
    ]
    for trick in tricks:
        assert trick != url
        assert await asked("GET", trick) == 403, trick
    for method in ("PUT", "DELETE", "HEAD", "POST"):
        assert await asked(method, url, b"x" if method in {"PUT", "POST"} else None) == 403, method


async def test_a_link_ends(api: Api, server: "Server") -> None:
    _, token = await api.opened(MINE)
    (api.folder / MINE / "file").write_text("words")
    read = (await link_of(api, MINE, token, await blob_of(api, MINE, token)))["url"]
    write = await offered(api, token, b"content")
    server.ahead = timedelta(seconds=301)
    try:
        assert await asked("GET", read) == 403
        assert await asked("PUT", write["url"], b"content", write["headers"]) == 403
    finally:
        server.ahead = timedelta()


async def test_a_link_writes_what_it_was_given_for_and_nothing_else(
    api: Api, server: "Server", settings: BucketSettings
) -> None:
    _, token = await api.opened(MINE)
    link = await offered(api, token, b"content")
    url, headers = link["url"], link["headers"]
    assert await asked("PUT", url, b"CONTENT", headers) == 403
    assert await asked("PUT", url, b"content and more", headers | {"Content-Length": "16"}) == 403
    assert await asked("PUT", url, b"c", headers | {"Content-Length": "1"}) == 403
    assert await asked("PUT", url, b"content") == 403
    assert await asked("GET", url, b"content", headers) == 403
    assert await asked("PUT", url.replace("/up/", "/down/"), b"content", headers) == 403
    assert not server.objects(settings.bucket)
    assert await asked("PUT", url, b"content", headers) == 200


async def collected(api: Api, token: str, name: str) -> Answer:
    return await api.talker.call("POST", f"{MINE}/blobs/{name}", token)


async def test_what_is_not_what_it_is_called_does_not_count(
    api: Api, server: "Server", settings: BucketSettings
) -> None:
    """Also where the bucket does not look at what it takes."""
    _, token = await api.opened(MINE)
    content = b"content"
    name = hashlib.sha256(content).hexdigest()
    assert (await collected(api, token, name)).status == 400  # nobody was asked
    link = await offered(api, token, content)
    assert (await collected(api, token, name)).status == 400  # it is not there
    key = urlsplit(link["url"]).path.split("/", 2)[2]
    for body in (b"other", b"x" * 20 * MIB):
        server.client.put_object(Bucket=settings.bucket, Key=key, Body=body)
        assert (await collected(api, token, name)).status == 400
    assert not [path for path in api.folder.rglob("session-*/*") if path.is_file()]
    assert await asked("PUT", link["url"], content, link["headers"]) == 200
    assert (await collected(api, token, name)).status == 200
    assert await asked("PUT", link["url"], content, link["headers"]) == 200  # as often as it likes, of no use
    api.contents["task-a", "1"].close()
    assert not list(api.folder.glob("*_step-*"))


async def test_a_link_that_is_used_behind_the_end_changes_nothing_and_what_it_put_is_swept(
    api: Api, server: "Server", settings: BucketSettings
) -> None:
    """A link lives longer than a step may."""
    session, token = await api.opened(MINE)
    pod, contents = Pod(api, MINE, token), api.contents["task-a", "1"]
    (contents.root / "file").write_text("before")
    await pod.fetch()
    links = [(await offered(api, token, content), content) for content in (b"never recorded", b"as another part")]
    (pod.root / "file").write_text("recorded")
    await pod.send()
    depot = contents.depot
    assert depot
    api.sessions.drop(session)
    contents.close()
    await asyncio.to_thread(depot.close)
    for link, content in links:
        assert await asked("PUT", link["url"], content, link["headers"]) == 200  # the bucket knows of no end
        assert (await collected(api, token, hashlib.sha256(content).hexdigest())).status == 401
    assert [(path.name, path.read_text()) for path in contents.root.iterdir()] == [("file", "recorded")]
    assert len(server.objects(settings.bucket)) == len(links)

    async def is_current(attempt: AttemptKey) -> bool:
        return attempt != ("task-a", 1)

    assert await Depots(settings, "ours").sweep(is_current) == 1
    assert not server.objects(settings.bucket)


async def test_what_is_not_sealed_changes_nothing(api: Api) -> None:
    pod, root = await opened(api, MINE)
    (root / "file").write_text("before")
    await pod.fetch()
    (pod.root / "file").write_text("behind")
    packer = Packer(pod.root, bytes, 1 << 30)
    for name, content in packer.pack():
        await asyncio.to_thread(pod.calls.call, "PUT", f"blobs/{name}", content)
    with pytest.raises(InputError, match="sealed"):
        await asyncio.to_thread(pod.calls.call, "PUT", "workspace", packer.manifest().as_bytes())
    assert (root / "file").read_text() == "before"


async def test_offers_are_bounded(api: Api) -> None:
    _, token = await api.opened(MINE)
    for size in (b"0", b"-1", b"", b"1e3", b"9" * 8, str(LARGEST_BLOB + 1).encode(), b"\xc2\xb2", b"1" * 100):
        answer = await api.talker.call("POST", f"{MINE}/blobs/{'a' * 64}/link", token, size)
        assert answer.status == 400, (size, answer)
    statuses = [
        (await api.talker.call("POST", f"{MINE}/blobs/{number:064x}/link", token, str(LARGEST_BLOB).encode())).status
        for number in range(12)
    ]
    assert statuses[:8] == [200] * 8
    assert statuses[-1] == 500  # the quota of the workspace, twice


@pytest.mark.parametrize("name", ["../file", "%2e%2e%2ffile", "a" * 63, "A" * 64, f"{'a' * 62}%00", "."])
async def test_no_link_is_made_for_a_path(api: Api, server: "Server", settings: BucketSettings, name: str) -> None:
    _, token = await api.opened(MINE)
    for method, path, body in (("GET", "/link", None), ("POST", "/link", b"4"), ("POST", "", None)):
        answer = await api.talker.call(method, f"{MINE}/blobs/{name}{path}", token, body)
        assert answer.status in {400, 401}, answer
    assert not server.objects(settings.bucket)


async def test_no_link_is_made_for_what_is_of_another_task_or_no_more(api: Api, server: "Server") -> None:
    mine, token = await api.opened(MINE)
    _, theirs = await api.opened(THEIRS)
    (api.folder / THEIRS / "file").write_text("of the other task")
    name = await blob_of(api, THEIRS, theirs)
    assert (await api.talker.call("GET", f"{MINE}/blobs/{name}/link", token)).status == 400
    assert (await api.talker.call("GET", f"{THEIRS}/blobs/{name}/link", token)).status == 401
    (api.folder / MINE / "file").write_text("mine")
    own = await blob_of(api, MINE, token)
    api.sessions.drop(mine)
    assert (await api.talker.call("GET", f"{MINE}/blobs/{own}/link", token)).status == 401
    assert (await api.talker.call("POST", f"{MINE}/blobs/{own}/link", token, b"4")).status == 401
    assert (await api.talker.call("POST", f"{MINE}/blobs/{own}", token)).status == 401
    assert not server.puts


async def test_without_the_key_there_is_no_workspace(api: Api) -> None:
    """The key comes with the manifest to who has the token, and nowhere else."""
    _, token = await api.opened(MINE)
    answer = await api.talker.call("GET", f"{MINE}/workspace", token)
    key = answer.headers[sealed.HEADER.lower()]
    depot = api.contents["task-a", "1"].depot
    assert depot
    assert bytes.fromhex(key) == depot.key
    assert key not in repr(depot)
    refused = await Talker(api.talker.url).call("GET", f"{MINE}/workspace", "other")
    assert sealed.HEADER.lower() not in refused.headers
