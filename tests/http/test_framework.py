"""What Backstage's framework gives every plugin: sign-in, errors, ETags, compression, CORS, stops."""

import asyncio
import gzip
import re
import zlib

import pytest
import structlog

from backstage_py import background
from backstage_py.errors import ServiceUnavailableError
from backstage_py.http.compression import preferred
from backstage_py.settings.sections import CorsSettings
from tests.http.harness import GUEST, SERVICE_TOKEN, Site, call

APP = "http://localhost:7100"
GZIP = {"accept_encoding": "gzip, deflate, br"}


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def cors() -> Site:
    return Site(CorsSettings((APP, "https://*.example.com"), ("GET", "POST"), credentials=True, max_age=60))


async def test_a_path_that_does_not_exist_is_404_without_body(site: Site) -> None:
    for method, path in (("GET", "/nope"), ("DELETE", "/small"), ("GET", "/echo"), ("PATCH", "/")):
        answer = await site.call(method, path, {})
        assert (answer.status, answer.body) == (404, b"")
        assert "content-type" not in answer.headers
    assert (await call(site.app, "GET", "/api/nothing/here")).status == 404


async def test_a_slash_at_the_end_makes_no_difference(site: Site) -> None:
    assert (await site.get("/small/")).json == {"text": "x"}


@pytest.mark.parametrize("path", ["/small", "/nope"])
async def test_sign_in_comes_before_routing(site: Site, path: str) -> None:
    answer = await site.get(f"{path}?a=1", authorization="")
    assert answer.status == 401
    assert answer.json == {
        "error": {"name": "AuthenticationError", "message": "Missing credentials"},
        "request": {"method": "GET", "url": f"{path}?a=1"},
        "response": {"statusCode": 401},
    }


async def test_open_paths_need_no_token(site: Site) -> None:
    assert (await site.get("/open", authorization="")).json == {"subject": "none"}
    keys = await site.get("/.backstage/auth/v1/jwks.json", authorization="")
    assert keys.json["keys"][0]["kid"] == site.issuer.key.kid


async def test_users_and_services_are_told_apart(site: Site) -> None:
    service = {"authorization": f"Bearer {SERVICE_TOKEN}"}
    assert (await site.get("/who")).json == {"subject": GUEST}
    assert (await site.get("/who", **service)).json == {"subject": "external:ci"}


async def test_what_the_framework_adds_to_a_plugin(site: Site) -> None:
    permissions = "/.well-known/backstage/permissions"
    assert (await site.get(f"{permissions}/metadata")).json == {"permissions": [], "rules": []}
    assert (await site.get("/openapi.json")).json == {"openapi": "3.0.3"}
    refused = await site.call("POST", f"{permissions}/apply-conditions", {}, b"")
    assert (refused.status, refused.json["error"]["message"]) == (403, "")


async def test_errors_of_ours_show_their_message_and_details(site: Site) -> None:
    answer = await site.get("/fail/input")
    assert answer.status == 400
    assert answer.json["error"] == {
        "name": "InputError",
        "message": "bad input",
        "cause": {"name": "Error", "message": "why"},
    }
    assert [(await site.get(f"/fail/{how}")).status for how in ("missing", "conflict")] == [404, 409]


@pytest.mark.thorough
async def test_a_fault_of_ours_shows_a_log_id_only(site: Site) -> None:
    answer = await site.get("/fail/badly")
    assert answer.status == 500
    assert answer.json["error"]["name"] == "Error"
    assert re.fullmatch(r"An internal error occurred logId=[0-9a-f]{20}", answer.json["error"]["message"])
    assert b"hunter2" not in answer.body


async def test_an_answer_that_has_not_changed_is_304(site: Site) -> None:
    first = await site.get("/small")
    assert re.fullmatch(r'W/"c-[\w+/]{27}"', first.headers["etag"])
    for etag in (first.headers["etag"], f'"x", {first.headers["etag"]}', first.headers["etag"][2:], "*"):
        again = await site.get("/small", if_none_match=etag)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert "content-type" not in again.headers
    assert (await site.get("/small", if_none_match='"other"')).status == 200
    assert (await site.get("/small", if_none_match=first.headers["etag"], cache_control="no-cache")).status == 200


@pytest.mark.thorough
async def test_errors_have_an_etag_and_are_never_304(site: Site) -> None:
    first = await site.get("/fail/missing")
    assert (await site.get("/fail/missing", if_none_match=first.headers["etag"])).status == 404


async def test_raw_json_has_no_etag(site: Site) -> None:
    for path in ("/raw", "/parts"):
        answer = await site.get(path)
        assert "etag" not in answer.headers
        assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_an_answer_without_content_has_no_body_and_no_type(site: Site) -> None:
    answer = await site.get("/nothing")
    assert (answer.status, answer.body) == (204, b"")
    assert not {"content-type", "content-length", "etag"} & set(answer.headers)


async def test_large_answers_are_compressed_and_small_ones_are_not(site: Site) -> None:
    big = await site.get("/big", **GZIP)
    assert big.headers["content-encoding"] == "gzip"
    assert "content-length" not in big.headers
    assert len(gzip.decompress(big.body)) > 5000 > len(big.body)
    small = await site.get("/small", **GZIP)
    assert "content-encoding" not in small.headers
    assert small.headers["vary"] == big.headers["vary"] == "Accept-Encoding"


async def test_a_compressed_answer_keeps_its_etag(site: Site) -> None:
    assert (await site.get("/big", **GZIP)).headers["etag"] == (await site.get("/big")).headers["etag"]


async def test_streams_are_compressed_part_by_part(site: Site) -> None:
    answer = await site.get("/stream", **GZIP)
    unpack = zlib.decompressobj(wbits=31)
    events = [unpack.decompress(part) for part in answer.parts]
    assert [event for event in events if event] == [b"event: log\ndata: 1\n\n", b"event: log\ndata: 2\n\n"]
    assert unpack.eof


async def test_json_in_parts_is_whole_when_unpacked(site: Site) -> None:
    answer = await site.get("/parts", **GZIP)
    assert gzip.decompress(answer.body) == b'{"items":[1,2]}'


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"", None),
        (b"gzip", b"gzip"),
        (b"br", None),
        (b"identity", None),
        (b"gzip;q=0, deflate", b"deflate"),
        (b"deflate;q=0.9, gzip;q=0.5", b"deflate"),
        (b"*", b"gzip"),
        (b"*;q=0", None),
        (b"gzip;q=nonsense", None),
        (b"GZIP", b"gzip"),
    ],
)
def test_the_encoding_that_a_client_prefers(accepted: bytes, encoding: bytes | None) -> None:
    assert preferred(accepted) == encoding


async def test_head_answers_as_get_without_compressing(site: Site) -> None:
    answer = await site.call("HEAD", "/big", {"accept-encoding": "gzip"})
    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 5000


@pytest.mark.thorough
async def test_every_answer_carries_the_fixed_headers(site: Site) -> None:
    for path in ("/small", "/nope", "/fail/badly"):
        headers = (await site.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "script-src 'self' 'unsafe-eval'" in headers["content-security-policy"]


async def test_a_request_id_is_kept_or_made(site: Site) -> None:
    assert (await site.get("/small", x_request_id="abc-1")).headers["x-request-id"] == "abc-1"
    assert re.fullmatch(r"[0-9a-f]{16}", (await site.get("/small", x_request_id="a b\tc")).headers["x-request-id"])


async def test_a_preflight_of_the_app_is_answered_before_sign_in(cors: Site) -> None:
    asked = {
        "origin": APP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
        "authorization": "",
    }
    answer = await cors.call("OPTIONS", "/anything", asked)
    assert (answer.status, answer.body) == (204, b"")
    allowed = {name: value for name, value in answer.headers.items() if name.startswith("access-control")}
    assert allowed == {
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization,content-type",
        "access-control-max-age": "60",
    }
    assert answer.headers["vary"] == "Origin, Access-Control-Request-Headers"


async def test_a_preflight_of_another_origin_ends_at_the_sign_in(cors: Site) -> None:
    answer = await cors.call("OPTIONS", "/small", {"origin": "http://evil", "authorization": ""})
    assert answer.status == 401
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["/small", "/nope", "/fail/badly", "/stream"])
async def test_every_answer_to_the_app_names_its_origin(cors: Site, path: str) -> None:
    headers = (await cors.get(path, origin=APP)).headers
    assert headers["access-control-allow-origin"] == APP
    assert "Origin" in headers["vary"]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example.com", True),
        ("HTTPS://A.EXAMPLE.COM", True),
        ("https://a.b.example.com", True),
        ("https://evil.com/.example.com", False),
        ("https://example.com.evil.com", False),
        ("http://a.example.com", False),
        ("null", False),
    ],
)
async def test_patterns_of_origins(cors: Site, origin: str, allowed: bool) -> None:
    assert ("access-control-allow-origin" in (await cors.get("/small", origin=origin)).headers) is allowed


async def test_without_configuration_there_is_no_cors(site: Site) -> None:
    assert not [name for name in (await site.get("/small", origin=APP)).headers if name.startswith("access-")]


async def test_health_follows_the_life_of_the_service(site: Site) -> None:
    path = "/.backstage/health/v1"
    early = await call(site.app, "GET", f"{path}/readiness")
    assert (early.status, early.json["message"]) == (503, "Backend has not started yet")
    assert (await call(site.app, "GET", f"{path}/startup")).json == early.json
    site.health.ready = True
    assert (await call(site.app, "GET", f"{path}/startup")).json == {"status": "ok"}
    assert (await call(site.app, "GET", f"{path}/readiness")).json == {"status": "ok"}
    site.health.stopping = True
    late = await call(site.app, "GET", f"{path}/readiness")
    assert (late.status, late.json["message"]) == (503, "Backend is shutting down")
    assert (await call(site.app, "GET", f"{path}/liveness")).json == {"status": "ok"}


async def test_a_loop_that_dies_is_started_again_and_seen_by_readiness(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_PAUSE_SECONDS", 0.01)
    site.health.ready = True
    starts, runs = 0, asyncio.Event()

    async def loop() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise OSError("a secret")
        if starts == 2:
            raise asyncio.CancelledError  # of something that it awaited
        runs.set()
        await asyncio.Event().wait()

    async with background.running(background.supervised("test.loop", loop)):
        await runs.wait()
        failing = await call(site.app, "GET", "/.backstage/health/v1/readiness")
        monkeypatch.setattr(background, "_SETTLED_SECONDS", 0)
        settled = await call(site.app, "GET", "/.backstage/health/v1/readiness")
        assert [(one.name, one.deaths) for one in background.loops()] == [("test.loop", 2)]
    said = "Work in the background fails and is tried again: test.loop"
    assert (failing.status, failing.json) == (503, {"status": "error", "message": said})
    assert settled.status == 200
    assert not background.loops()


async def test_a_loop_that_an_outage_keeps_down_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(background, "_SAY_EVERY", 3_600.0)
    problems = iter(["away", "away", "away", "locked", "locked"])

    async def loop() -> None:
        if problem := next(problems, None):
            raise ServiceUnavailableError(problem)

    with structlog.testing.capture_logs() as logs:
        await background.supervised("test.loop", loop)
    assert [(one["problem"], one["deaths"]) for one in logs] == [("away", 1), ("locked", 4)]


async def test_a_stop_ends_open_streams_as_if_all_was_sent(site: Site) -> None:
    request = asyncio.create_task(site.get("/endless", **GZIP))
    await site.stream_begun.wait()
    site.streams.end()
    answer = await request
    assert gzip.decompress(answer.body) == b"event: log\ndata: {}\n\n"


async def test_a_client_that_goes_away_is_no_end_of_a_stream(site: Site) -> None:
    request = asyncio.create_task(site.get("/endless"))
    await site.stream_begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


async def test_options_name_the_methods_of_a_path() -> None:
    site = Site()
    both = await site.call("OPTIONS", "/echo", {})
    assert (both.status, both.headers["allow"], both.body) == (200, "POST", b"POST")
    assert both.headers["content-type"] == "text/html; charset=utf-8"
    assert (await site.call("OPTIONS", "/small", {})).headers["allow"] == "GET,HEAD"
    assert (await site.call("OPTIONS", "/fail/x", {})).status == 200
    assert (await site.call("OPTIONS", "/unknown", {})).status == 404
    assert (await site.call("OPTIONS", "/small", {"authorization": ""})).status == 401


@pytest.mark.thorough
async def test_a_path_with_a_line_break_is_still_the_plugins() -> None:
    site = Site()
    answer = await site.call("GET", "/fail/a%0Ab", {})
    assert answer.json["error"]["name"] == "Error"
    assert (await site.call("GET", "/fail/a%0A", {"authorization": ""})).status == 401


async def test_a_parameter_of_a_path_is_decoded_by_itself(site: Site) -> None:
    for sent, seen in (("a%2Fb", "a/b"), ("a%252Fb", "a%2Fb"), ("%C3%A4%20+", "ä +"), ("..%2f", "../")):
        assert (await site.get(f"/named/{sent}")).json == {"name": seen}
    for path in ("/named%2Fa", "/n%61med/a", "/named/a/b"):
        assert (await site.get(path)).status == 404
    assert (await call(site.app, "GET", "/api%2Fdemo/small")).status == 404
    for malformed in ("%zz", "%ff", "%E0%A4%A"):
        answer = await site.get(f"/named/{malformed}")
        assert (answer.status, answer.json["error"]) == (400, {"name": "InputError", "message": "malformed uri'"})
        assert answer.json["request"]["url"] == f"/named/{malformed}"
