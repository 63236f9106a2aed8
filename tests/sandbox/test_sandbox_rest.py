"""The REST API where the OpenAPI description alone does not say what happens."""

import base64
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.sandbox.harness import Client, clone


async def test_a_repository_says_how_it_is_reached(client: Client) -> None:
    created = await client.create("Service.One", private=True, allow_squash_merge=False)
    base = client.sandbox.url
    assert created["full_name"] == "org/Service.One"
    assert created["html_url"] == f"{base}/org/Service.One"
    assert created["clone_url"] == f"{base}/org/Service.One.git"
    assert created["archive_url"] == f"{client.sandbox.api_url}/repos/org/Service.One/{{archive_format}}{{/ref}}"
    assert (created["private"], created["visibility"]) == (True, "private")
    assert created["allow_squash_merge"] is False
    assert created["size"] == 0
    assert (await client.send("GET", "/repos/ORG/service.one")).json["id"] == created["id"]


async def test_without_a_token_public_things_are_read_and_nothing_is_written(client: Client) -> None:
    await client.create("open")
    await client.create("closed", private=True)
    assert (await client.send("GET", "/repos/org/open", token="")).status == 200
    assert (await client.send("GET", "/repos/org/closed", token="")).status == 404
    refused = await client.send("DELETE", "/repos/org/open", token="")
    assert (refused.status, refused.json["message"]) == (401, "Requires authentication")
    unknown = await client.send("GET", "/repos/org/open", token="wrong")
    assert (unknown.status, unknown.json["message"]) == (401, "Bad credentials")
    names = [each["name"] for each in (await client.send("GET", "/orgs/org/repos", token="")).json]
    assert names == ["open"]


@pytest.mark.parametrize("scheme", ["token", "Bearer", "bearer"])
async def test_both_schemes_carry_a_token(client: Client, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {client.sandbox.token}"}
    assert (await client.send("GET", "/user", token="", headers=headers)).json["login"] == "sandbox"


async def test_an_answer_that_is_known_is_not_sent_again(client: Client) -> None:
    await client.create()
    first = await client.send("GET", "/repos/org/svc")
    known = {"If-None-Match": first.headers["ETag"]}
    again = await client.send("GET", "/repos/org/svc", headers=known)
    assert (again.status, again.raw) == (304, b"")
    await client.send("PATCH", "/repos/org/svc", {"description": "new"})
    assert (await client.send("GET", "/repos/org/svc", headers=known)).status == 200


async def test_answers_carry_rate_limits(client: Client) -> None:
    answer = await client.send("GET", "/user")
    assert int(answer.headers["X-RateLimit-Remaining"]) > 0


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "Problems parsing JSON"),
        (b"[]", 400, "Body should be a JSON object"),
        ({}, 422, "missing_field"),
        ({"name": 5}, 422, "invalid"),
        ({"name": "a b"}, 422, "must be 1 to 100 characters"),
        ({"name": "x", "private": "yes"}, 422, "private must be true or false"),
        ({"name": "x", "visibility": "secret"}, 422, "public, private or internal"),
        ({"name": "x", "description": 5}, 422, "description is not a str"),
    ],
)
async def test_a_wrong_request_says_what_is_wrong(client: Client, body: object, status: int, says: str) -> None:
    answer = await client.send("POST", "/orgs/org/repos", body)
    assert answer.status == status
    assert says in answer.raw.decode()
    assert answer.json["documentation_url"]


async def test_what_is_not_served_is_not_found(client: Client) -> None:
    answer = await client.send("GET", "/repos/org/svc/no-such-thing/at-all")
    assert (answer.status, answer.json["message"]) == (404, "Not Found")


async def test_a_file_is_read_as_json_and_raw(client: Client) -> None:
    await client.create()
    await client.put_file("docs/ünï.md", "text ✓\n")
    shown = (await client.send("GET", "/repos/org/svc/contents/docs/ünï.md?ref=main")).json
    assert base64.b64decode(shown["content"]).decode() == "text ✓\n"
    for media in ("application/vnd.github.v3.raw", "application/vnd.github.raw+json"):
        raw = await client.send("GET", "/repos/org/svc/contents/docs/ünï.md", headers={"Accept": media})
        assert raw.raw.decode() == "text ✓\n"
        again = {"Accept": media, "If-None-Match": raw.headers["ETag"]}
        assert (await client.send("GET", "/repos/org/svc/contents/docs/ünï.md", headers=again)).status == 304
    download = await client.send("GET", shown["download_url"])
    assert download.raw.decode() == "text ✓\n"


async def test_a_file_is_changed_only_by_who_knows_it(client: Client) -> None:
    await client.create()
    first = await client.put_file("a.txt", "one")
    content = base64.b64encode(b"two").decode()
    blind = await client.send("PUT", "/repos/org/svc/contents/a.txt", {"message": "m", "content": content})
    assert blind.status == 422
    stale = {"message": "m", "content": content, "sha": "0" * 40}
    assert (await client.send("PUT", "/repos/org/svc/contents/a.txt", stale)).status == 409
    second = await client.put_file("a.txt", "two", sha=first["content"]["sha"])
    assert second["commit"]["parents"][0]["sha"] == first["commit"]["sha"]


async def test_a_ref_moves_forward_only_unless_forced(client: Client) -> None:
    await client.create()
    old = (await client.put_file("a", "1"))["commit"]["sha"]
    await client.put_file("b", "2")
    back = await client.send("PATCH", "/repos/org/svc/git/refs/heads/main", {"sha": old})
    assert (back.status, back.json["message"]) == (422, "Update is not a fast forward")
    forced = await client.send("PATCH", "/repos/org/svc/git/refs/heads/main", {"sha": old, "force": True})
    assert forced.json["object"]["sha"] == old


async def test_a_tree_can_replace_and_take_away_files(client: Client, tmp_path: Path) -> None:
    await client.create()
    await client.put_file("keep", "1")
    await client.put_file("dir/gone", "2")
    head = (await client.put_file("change", "3"))["commit"]
    entries = [
        {"path": "dir/gone", "mode": "100644", "type": "blob", "sha": None},
        {"path": "change", "mode": "100755", "type": "blob", "content": "#!/bin/sh\n"},
    ]
    tree = (
        await client.send("POST", "/repos/org/svc/git/trees", {"base_tree": head["tree"]["sha"], "tree": entries})
    ).json
    body = {"message": "m", "tree": tree["sha"], "parents": [head["sha"]]}
    commit = (await client.send("POST", "/repos/org/svc/git/commits", body)).json
    await client.send("PATCH", "/repos/org/svc/git/refs/heads/main", {"sha": commit["sha"]})
    copy = await clone(f"{client.sandbox.url}/org/svc", tmp_path / "copy")
    assert sorted(path.name for path in copy.path.iterdir()) == [".git", "change", "keep"]


@pytest.mark.parametrize("path", ["../x", "a/../../x", ".git/config", "a/.GIT/hooks/x", "/", "a//b"])
async def test_a_tree_takes_no_path_outside(client: Client, path: str) -> None:
    await client.create()
    entries = [{"path": path, "mode": "100644", "type": "blob", "content": "x"}]
    answer = await client.send("POST", "/repos/org/svc/git/trees", {"tree": entries})
    assert answer.status == 422


@pytest.mark.parametrize("kind", ["tarball", "zipball"])
async def test_an_archive_has_githubs_top_folder(client: Client, kind: str) -> None:
    await client.create(private=True)
    commit = (await client.put_file("docs/a.txt", "text"))["commit"]["sha"]
    answer = await client.send("GET", f"/repos/org/svc/{kind}/main")
    wanted = f"org-svc-{commit[:7]}/docs/a.txt"
    if kind == "tarball":
        with tarfile.open(fileobj=io.BytesIO(answer.raw)) as archive:
            assert wanted in archive.getnames()
    else:
        with zipfile.ZipFile(io.BytesIO(answer.raw)) as package:
            assert wanted in package.namelist()
    url = f"{client.sandbox.url}/codeload/org/svc/legacy.tar.gz/{commit}"
    assert (await client.send("GET", url, token="")).status == 404


async def test_the_tarball_of_an_empty_repository_is_not_found(client: Client) -> None:
    await client.create()
    assert (await client.send("GET", "/repos/org/svc/tarball/main")).status == 404


async def test_refs_with_slashes_are_found_in_pages_and_raw_files(client: Client) -> None:
    await client.create()
    sha = (await client.put_file("docs/a.txt", "<b>text</b>"))["commit"]["sha"]
    await client.send("POST", "/repos/org/svc/git/refs", {"ref": "refs/heads/feature/x", "sha": sha})
    base = client.sandbox.url
    for ref in ("main", "feature/x", "refs/heads/feature/x", sha, sha[:8]):
        assert (await client.send("GET", f"{base}/raw/org/svc/{ref}/docs/a.txt")).raw == b"<b>text</b>"
        page = await client.send("GET", f"{base}/org/svc/blob/{ref}/docs/a.txt")
        assert b"&lt;b&gt;text" in page.raw
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert b"a.txt" in (await client.send("GET", f"{base}/org/svc/tree/{ref}/docs")).raw
    assert (await client.send("GET", f"{base}/org/svc/blob/main/nothing")).status == 404
    assert b"git clone" in (await client.send("GET", f"{base}/org/svc")).raw


async def test_a_private_repository_has_no_page_for_strangers(client: Client) -> None:
    await client.create(private=True)
    await client.put_file("a.txt", "secret")
    for path in ("/org/svc", "/org/svc/blob/main/a.txt", "/raw/org/svc/main/a.txt"):
        assert (await client.send("GET", f"{client.sandbox.url}{path}", token="")).status == 404
    assert b"org/svc" not in (await client.send("GET", f"{client.sandbox.url}/")).raw


async def test_a_pull_request_knows_conflicts_and_doubles(client: Client) -> None:
    await client.create()
    sha = (await client.put_file("a", "1\n"))["commit"]["sha"]
    await client.send("POST", "/repos/org/svc/git/refs", {"ref": "refs/heads/topic", "sha": sha})
    wanted = {"title": "T", "head": "topic", "base": "main"}
    empty = await client.send("POST", "/repos/org/svc/pulls", wanted)
    assert "No commits between main and topic" in empty.raw.decode()
    known = (await client.send("GET", "/repos/org/svc/contents/a")).json["sha"]
    await client.put_file("a", "topic\n", branch="topic", sha=known)
    await client.put_file("a", "main\n", sha=known)
    created = (await client.send("POST", "/repos/org/svc/pulls", wanted)).json
    assert (created["mergeable"], created["mergeable_state"]) == (False, "dirty")
    double = await client.send("POST", "/repos/org/svc/pulls", wanted)
    assert "A pull request already exists for org:topic." in double.raw.decode()
    page = await client.send("GET", created["html_url"])
    assert b"topic" in page.raw
    found = (await client.send("GET", "/repos/org/svc/pulls?head=org:topic")).json
    assert [each["number"] for each in found] == [1]


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1)])
async def test_a_pull_request_is_merged_once_and_only_as_it_was_seen(client: Client, method: str, parents: int) -> None:
    await client.create()
    sha = (await client.put_file("a", "1\n"))["commit"]["sha"]
    await client.send("POST", "/repos/org/svc/git/refs", {"ref": "refs/heads/topic", "sha": sha})
    head = (await client.put_file("b", "2\n", branch="topic"))["commit"]["sha"]
    await client.put_file("c", "3\n")
    await client.send("POST", "/repos/org/svc/pulls", {"title": "T", "head": "topic", "base": "main"})
    pull = "/repos/org/svc/pulls/1"
    stale = await client.send("PUT", f"{pull}/merge", {"sha": sha})
    assert (stale.status, (await client.send("GET", pull)).json["merged"]) == (409, False)
    merged = await client.send("PUT", f"{pull}/merge", {"sha": head, "merge_method": method})
    assert (merged.status, merged.json["merged"]) == (200, True)
    shown = (await client.send("GET", pull)).json
    assert (shown["state"], shown["merged"], shown["merge_commit_sha"]) == ("closed", True, merged.json["sha"])
    commit = (await client.send("GET", f"/repos/org/svc/git/commits/{merged.json['sha']}")).json
    assert len(commit["parents"]) == parents
    for name in "abc":
        assert (await client.send("GET", f"/repos/org/svc/contents/{name}?ref=main")).status == 200
    assert (await client.send("PUT", f"{pull}/merge", {})).status == 405


async def test_a_dispatch_is_recorded_and_shown(client: Client) -> None:
    await client.create()
    dispatches = "/repos/org/svc/actions/workflows/ci.yaml/dispatches"
    await client.put_file("README.md", "x")
    assert (await client.send("POST", dispatches, {"ref": "main"})).status == 404
    written = await client.put_file(".github/workflows/ci.yaml", "on: push")
    plain = await client.send("POST", dispatches, {"ref": "main"})
    assert "does not have 'workflow_dispatch' trigger" in plain.raw.decode()
    await client.put_file(".github/workflows/ci.yaml", "on: workflow_dispatch", sha=written["content"]["sha"])
    assert (await client.send("POST", dispatches, {"ref": "nope"})).json["message"] == "No ref found for: nope"
    assert (await client.send("POST", dispatches, {"ref": "main", "inputs": {"tier": "gold"}})).status == 204
    assert b"gold" in (await client.send("GET", f"{client.sandbox.url}/org/svc/actions")).raw


async def test_many_changes_at_once_are_all_kept(client: Client) -> None:
    import asyncio

    await client.create()
    answers = await asyncio.gather(
        *(
            client.send("POST", "/repos/org/svc/actions/variables", {"name": f"V{n}", "value": str(n)})
            for n in range(25)
        )
    )
    assert {answer.status for answer in answers} == {201}
    assert (await client.send("GET", "/repos/org/svc/actions/variables")).json["total_count"] == 25


async def test_of_two_creations_at_once_one_wins(client: Client) -> None:
    import asyncio

    answers = await asyncio.gather(*(client.send("POST", "/orgs/org/repos", {"name": "svc"}) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 422, 422, 422, 422]


async def test_files_of_a_name_are_found_in_a_repository(client: Client) -> None:
    await client.create()
    query = "/search/code?q=filename:catalog-info.yaml+extension:yaml+repo:org/svc"
    assert (await client.send("GET", query)).json["total_count"] == 0
    for path in ("catalog-info.yaml", "part/catalog-info.yaml", "part/other.yaml"):
        await client.put_file(path, "a: 1\n")
    found = (await client.send("GET", query)).json
    assert [item["path"] for item in found["items"]] == ["catalog-info.yaml", "part/catalog-info.yaml"]
    assert found["total_count"] == 2
    assert (await client.send("GET", query.replace("org/svc", "org/none"))).status == 422
    assert (await client.send("GET", query, token="")).status == 401
