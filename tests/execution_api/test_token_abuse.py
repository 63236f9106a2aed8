"""What a token of the execution API does not open: everything but its own session, while that lasts."""

import asyncio
import hashlib
import json
import os
import socket
import threading
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from backstage_py.execution.messages import Answer as AnswerMessage
from backstage_py.folders.receiving import LARGEST_BLOB
from tests.execution_api import talking
from tests.execution_api.talking import BOUNDS, Answer, Api

MINE, THEIRS = "task-a.1.1.0", "task-b.1.1.0"
LOG = b'{"type":"log","seq":1,"lines":[["info","hello"]]}'
SECRET = "of the other task"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with talking.serving(tmp_path) as served:
        yield served


def everything(key: str) -> list[tuple[str, str, bytes | None]]:
    """All that the API does for a session."""
    content = b"x"
    blob = hashlib.sha256(content).hexdigest()
    return [
        ("GET", f"{key}/messages?after=0", None),
        ("POST", f"{key}/messages", LOG),
        ("GET", f"{key}/workspace", None),
        ("PUT", f"{key}/workspace", zlib.compress(b'{"blobs":[],"folders":[],"links":[],"files":[]}')),
        ("POST", f"{key}/trees", b"/etc/x"),
        ("GET", f"{key}/blobs/{blob}", None),
        ("PUT", f"{key}/blobs/{blob}", content),
        ("POST", f"{key}/blobs/{blob}", None),
        ("GET", f"{key}/blobs/{blob}/link", None),
        ("POST", f"{key}/blobs/{blob}/link", b"1"),
    ]


async def refused(api: Api, token: str | None, calls: list[tuple[str, str, bytes | None]]) -> None:
    """Nothing is answered but 401, with the same words for all."""
    for method, path, body in calls:
        answer = await api.talker.call(method, path, token, body)
        assert answer.status == 401, (method, path, answer)
        assert answer.json["error"]["message"] == "This token opens nothing here", (method, path)
        assert SECRET.encode() not in answer.body


async def test_a_session_is_opened_by_its_ticket_once(api: Api) -> None:
    session, token = await api.opened(MINE)
    assert token != session.ticket
    again = await api.talker.call("POST", f"{MINE}/open", session.ticket)
    assert again.status == 401  # replay, or another pod that was given the same Job
    await refused(api, session.ticket, everything(MINE))
    await refused(api, token, [("POST", f"{MINE}/open", None)])
    assert (await api.talker.call("POST", f"{MINE}/messages", token, LOG)).json == {"seen": 1}


async def test_a_token_opens_no_other_session(api: Api) -> None:
    _, mine = await api.opened(MINE)
    theirs, _ = await api.opened(THEIRS)
    (api.folder / THEIRS / "file").write_text(SECRET)
    await theirs.say(AnswerMessage(1, SECRET))
    waiting = api.session("task-c.1.1.0")
    for other in (mine, waiting.ticket, "", None, "x" * 10_000, mine[:-1], mine.upper()):
        await refused(api, other, everything(THEIRS))
        await refused(api, other, [("POST", f"{THEIRS}/open", None)])
    await refused(api, mine, everything("task-c.1.1.0"))
    await refused(api, mine, [("POST", "task-c.1.1.0/open", None)])
    assert not api.heard
    assert not any((api.folder / THEIRS).glob("*.pyc"))


async def test_a_token_opens_nothing_after_the_end(api: Api) -> None:
    session, token = await api.opened(MINE)
    poll = asyncio.create_task(api.talker.call("GET", f"{MINE}/messages?after=0", token))
    await session.asked.wait()
    api.sessions.drop(session)
    assert (await poll).status == 401  # who waits is told at once
    await refused(api, token, everything(MINE))
    await refused(api, session.ticket, [("POST", f"{MINE}/open", None)])
    assert not api.heard
    again = api.session("task-a.2.1.0")  # the next attempt at the same task
    await refused(api, token, everything(again.key))


async def test_a_token_expires_by_the_clock_of_the_service(api: Api) -> None:
    gone = api.session(MINE, seconds=-1.0)
    await refused(api, gone.ticket, [("POST", f"{MINE}/open", None)])


async def test_other_verbs_paths_and_routes_of_the_service_answer_nothing(api: Api) -> None:
    _, token = await api.opened(MINE)
    (api.folder / THEIRS).mkdir()
    (api.folder / THEIRS / "file").write_text(SECRET)
    calls: list[tuple[str, str, bytes | None]] = [
        (verb, f"{MINE}/{what}", None)
        for verb in ("DELETE", "PATCH", "PUT", "POST", "OPTIONS", "TRACE", "HEAD")
        for what in ("", "messages/", "messages/1", "workspace/file", "blobs", "open/x")
    ]
    calls += [
        ("GET", f"../{path}", None)
        for path in ("v2/tasks", "v2/actions", ".execution/v1", "../../metrics", "../catalog/entities", "")
    ]
    calls += [("GET", path, None) for path in ("", "/", MINE, f"{MINE}/", "%2e%2e/v2/tasks")]
    for method, path, body in calls:
        answer = await api.talker.call(method, path, token, body)
        assert answer.status == 401, (method, path, answer)
        assert SECRET.encode() not in answer.body
    assert not api.heard


@pytest.mark.parametrize(
    "name", ["../file", "%2e%2e%2ffile", "..%5cfile", "a" * 63, "a" * 65, "A" * 64, "g" * 64, f"{'a' * 62}%00", "."]
)
async def test_the_name_of_a_blob_is_no_path(api: Api, name: str) -> None:
    _, token = await api.opened(MINE)
    (api.folder / "file").write_text(SECRET)
    for method, body in (("GET", None), ("PUT", SECRET.encode())):
        answer = await api.talker.call(method, f"{MINE}/blobs/{name}", token, body)
        assert answer.status in {400, 401}, answer
        assert SECRET.encode() not in answer.body
    assert sorted(path.name for path in api.folder.rglob("*") if path.is_file()) == ["file"]


async def test_a_tree_is_only_what_was_read_for_this_call(api: Api) -> None:
    _, token = await api.opened(MINE)
    for target in (b"/etc", b"../..", b"\xff\xfe", quote("/").encode()):
        assert (await api.talker.call("POST", f"{MINE}/trees", token, target)).status == 400


async def test_bodies_are_bounded_before_they_are_read(api: Api) -> None:
    _, token = await api.opened(MINE)
    for path, length in (("messages", 10**12), ("workspace", 10**9), (f"blobs/{'a' * 64}", 10**8), ("trees", 10**5)):
        method = "PUT" if path.startswith(("workspace", "blobs")) else "POST"
        status = await asyncio.to_thread(_announce, api, f"{method} {MINE}/{path}", token, f"Content-Length: {length}")
        assert b" 400 " in status, (path, status)
    bomb = zlib.compress(b" " * 300_000_000)
    answer = await api.talker.call("PUT", f"{MINE}/workspace", token, bomb)
    assert answer.status == 400, answer
    packed = await api.talker.call("POST", f"{MINE}/messages", token, zlib.compress(LOG), content_encoding="deflate")
    assert packed.status == 400


async def test_what_a_pod_has_read_by_url_does_not_fill_the_disk(api: Api, tmp_path: Path) -> None:
    session, token = await api.opened(MINE)
    (tmp_path / "read").mkdir()
    for number in range(40):
        (tmp_path / "read" / "file").write_bytes(os.urandom(600_000))
        await asyncio.to_thread(session.workspace.keep_tree, f"/pod/{number}", tmp_path / "read")
    [store] = tmp_path.glob("*_step-sent-*")
    assert sum(path.stat().st_size for path in store.rglob("*")) < 2 * BOUNDS.size + LARGEST_BLOB + 1_000_000
    assert (await api.talker.call("POST", f"{MINE}/trees", token, b"/pod/39")).status == 200
    assert (await api.talker.call("POST", f"{MINE}/trees", token, b"/pod/0")).status == 400


async def test_a_pod_has_a_few_connections_and_the_newest_live(api: Api) -> None:
    _, token = await api.opened(MINE)
    open_ = [_connected(api) for _ in range(20)]
    try:
        for one in open_:
            status = await asyncio.to_thread(_kept, api, one, token)
            assert b" 200 " in status, status
        for one in open_[:4]:
            assert await asyncio.to_thread(one.recv, 1) == b""  # it was ended
        for one in open_[4:]:
            assert b" 200 " in await asyncio.to_thread(_kept, api, one, token)
    finally:
        for one in open_:
            one.close()


async def test_what_waits_for_a_pod_comes_piece_by_piece(api: Api) -> None:
    session, token = await api.opened(MINE)
    for number in range(12):
        await session.say(AnswerMessage(number, "x" * 1_000_000))
    after, sizes = 0, []
    while after < 12:
        answer = await api.talker.call("GET", f"{MINE}/messages?after={after}", token)
        lines = [json.loads(line) for line in answer.body.split(b"\n") if line]
        assert [line["seq"] for line in lines] == list(range(after + 1, after + 1 + len(lines)))
        after += len(lines)
        sizes.append(len(answer.body))
    assert max(sizes) < 5_000_000


async def test_bodies_that_come_at_once_are_bounded_together(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstage_py.http.execution._MOST_READ", 3_000_000)
    session, token = await api.opened(MINE)
    slow = [_connected(api) for _ in range(2)]
    try:
        for one in slow:
            one.sendall(_head(api, f"POST {MINE}/messages", token, "Content-Length: 2000000") + b"x" * 1_400_000)
        while session.read < 2_800_000:  # noqa: ASYNC110  # the server's work
            await asyncio.sleep(0.01)
        more = await api.talker.call("PUT", f"{MINE}/blobs/{'a' * 64}", token, b"x" * 500_000)
        assert more.status == 503  # a pod that means well comes again
    finally:
        for one in slow:
            one.close()
    while session.read:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.01)
    assert (await api.talker.call("POST", f"{MINE}/messages", token, LOG)).json == {"seen": 1}


async def test_who_asks_for_all_at_once_holds_up_nobody_else(api: Api) -> None:
    _, token = await api.opened(MINE)
    _, other = await api.opened(THEIRS)
    is_held, is_done = threading.Event(), threading.Event()

    def hold() -> None:
        with api.contents["task-a", "1"].held():
            is_held.set()
            is_done.wait(60)

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(is_held.wait, 60)
    try:
        asking = {asyncio.create_task(api.talker.call("GET", f"{MINE}/workspace", token)) for _ in range(12)}
        refused: list[Answer] = []
        while len(refused) < 4:
            ended, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            refused += [one.result() for one in ended]
        assert {one.status for one in refused} == {503}
        assert (await api.talker.call("GET", f"{THEIRS}/workspace", other)).status == 200
    finally:
        is_done.set()
        await holding
    assert {one.status for one in await asyncio.gather(*asking)} == {200}


@pytest.mark.parametrize("content", [b"no zlib", zlib.compress(b"short"), zlib.compress(b"x" * 1000)])
async def test_a_part_that_is_not_what_its_manifest_says_changes_nothing(api: Api, content: bytes) -> None:
    _, token = await api.opened(MINE)
    (api.folder / MINE / "file").write_text("before")
    name = hashlib.sha256(content).hexdigest()
    assert (await api.talker.call("PUT", f"{MINE}/blobs/{name}", token, content)).status == 200
    plain = {
        "version": 1,
        "blobs": [[name, len(content), 10]],
        "folders": [],
        "links": [],
        "files": [["other", 0o644, 0, 10, "a" * 64, [[0, 0, 10]]]],
    }
    answer = await api.talker.call("PUT", f"{MINE}/workspace", token, zlib.compress(json.dumps(plain).encode()))
    assert answer.status == 400, answer
    assert {path.name: path.read_text() for path in (api.folder / MINE).iterdir()} == {"file": "before"}


async def test_a_body_without_an_end_is_cut_off(api: Api) -> None:
    _, token = await api.opened(MINE)
    status = await asyncio.to_thread(_endless, api, f"PUT {MINE}/blobs/{'a' * 64}", token)
    assert b" 400 " in status, status


async def test_a_slow_body_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstage_py.http.execution._SECONDS", 0.2)
    _, token = await api.opened(MINE)
    status = await asyncio.to_thread(_announce, api, f"POST {MINE}/messages", token, "Content-Length: 100")
    assert b" 400 " in status, status
    assert (await api.talker.call("POST", f"{MINE}/messages", token, LOG)).json == {"seen": 1}


async def test_who_is_not_let_in_may_send_as_much_as_he_likes(api: Api) -> None:
    api.session(MINE)
    status = await asyncio.to_thread(_announce, api, f"POST {MINE}/messages", "wrong", "Content-Length: 100000000")
    assert b" 401 " in status, status


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"type":"begin","seq":1}',
        b'{"type":"log","seq":0,"lines":[]}',
        b'{"type":"log","seq":2,"lines":[]}',
        b'{"type":"log","seq":true,"lines":[]}',
        b'{"type":"output","seq":1,"name":1,"value":1}',
        b"[" * 100_000,
        json.dumps({"type": "log", "seq": 1, "lines": [["info", "x"]] * 20_000}).encode(),
    ],
)
async def test_what_is_no_message_ends_the_call(api: Api, body: bytes) -> None:
    _, token = await api.opened(MINE)
    answer = await api.talker.call("POST", f"{MINE}/messages", token, body)
    assert answer.status == 400, answer
    assert api.broke
    assert not api.heard


async def test_a_message_that_comes_again_counts_once(api: Api) -> None:
    _, token = await api.opened(MINE)
    second = LOG.replace(b'"seq":1', b'"seq":2')
    for body in (LOG, LOG, LOG + b"\n" + second, second):
        assert (await api.talker.call("POST", f"{MINE}/messages", token, body)).status == 200
    assert len(api.heard) == 2


async def test_the_number_of_a_message_is_one(api: Api) -> None:
    _, token = await api.opened(MINE)
    for after in ("-1", "x", "1" * 40, "", "%00", "1;2"):
        answer = await api.talker.call("GET", f"{MINE}/messages?after={after}", token)
        assert answer.status == 400, (after, answer)


def _kept(api: Api, connection: socket.socket, token: str) -> bytes:
    """Ask for something over a connection that stays open; return the head of the answer."""
    head = _head(api, f"GET {MINE}/workspace", token, "Accept: */*").replace(
        b"Connection: close", b"Connection: keep-alive"
    )
    connection.sendall(head)
    with connection.makefile("rb", buffering=0) as answer:
        found = b""
        while not found.endswith(b"\r\n\r\n"):
            found += answer.read(1) or b""
        length = next(line for line in found.split(b"\r\n") if line.lower().startswith(b"content-length"))
        answer.read(int(length.split(b":")[1]))
    return found


def _announce(api: Api, call: str, token: str, header: str) -> bytes:
    """Send the head of a request and nothing behind it; return the line of the answer's status."""
    with _connected(api) as connection:
        connection.sendall(_head(api, call, token, header))
        return connection.makefile("rb").readline()


def _endless(api: Api, call: str, token: str) -> bytes:
    with _connected(api) as connection:
        connection.sendall(_head(api, call, token, "Transfer-Encoding: chunked"))
        try:
            while True:
                connection.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        except OSError:
            pass
        return connection.makefile("rb").readline()


def _head(api: Api, call: str, token: str, header: str) -> bytes:
    method, _, path = call.partition(" ")
    place = urlsplit(api.talker.url)
    lines = [
        f"{method} {place.path}/{path} HTTP/1.1",
        f"Host: {place.netloc}",
        f"Authorization: Bearer {token}",
        header,
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _connected(api: Api) -> socket.socket:
    place = urlsplit(api.talker.url)
    return socket.create_connection((place.hostname, place.port), timeout=60)
