"""Keys in the database: agreed on, made anew by age, wrapped, taken over, and dropped when nothing needs them."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa
import structlog

from backstage_py.errors import SettingsError
from backstage_py.identity import keys as signing_keys
from backstage_py.sealing import UnsealError
from backstage_py.settings.sections import AuthSettings, ScaffolderSettings
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.keys import ring
from backstage_py.wiring import keys
from backstage_py.wiring.keys import Keys
from tests import patience
from tests.storage import boxes, fresh
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group(__name__)
WRAPPED = AuthSettings(wrapping_keys=("first" * 8,))
HOUR, DAY = 3_600_000, 24 * 3_600_000


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite'}"
    server: Postgres = request.getfixturevalue("server")
    return fresh.on(server, request.node.name[-60:])


class Machine:
    """Opens keys as a replica on a machine of its own does."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.url = url

    async def __aenter__(self) -> Self:
        self._open = AsyncExitStack()
        self.database = await self._open.enter_async_context(Database(self.url).running())
        await fresh.upgrade(self.database)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        await self._open.aclose()

    async def keys(self, auth: AuthSettings = WRAPPED, **scaffolder: Any) -> Keys:
        self.folder.mkdir(exist_ok=True)
        opening = keys.opened(self.database, auth, ScaffolderSettings(**scaffolder), self.folder)
        return await self._open.enter_async_context(opening)

    async def rows(self) -> list[Any]:
        query = "SELECT * FROM service_keys ORDER BY purpose, generation"
        return list(await self.database.read(lambda connection: connection.exec_driver_sql(query).all()))

    async def age(self, purpose: str, milliseconds: int) -> None:
        """Let keys have been made earlier."""
        change = sa.text(
            "UPDATE service_keys SET used_from = used_from - :by, seen_at = seen_at - :by WHERE purpose = :purpose"
        )
        await self.execute(change, {"by": milliseconds, "purpose": purpose})

    async def execute(self, statement: Any, values: dict[str, Any] | None = None) -> None:
        def run(transaction: Transaction) -> None:
            transaction.connection.execute(statement, values or {})

        await self.database.write(run)


@pytest.fixture
async def machines(url: str, tmp_path: Path) -> AsyncIterator[list[Machine]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Machine(url, tmp_path / str(number))) for number in range(3)]


def kids(one: Keys) -> list[str]:
    return [jwk["kid"] for jwk in one.signing.public()]


async def test_replicas_that_start_together_agree(machines: list[Machine]) -> None:
    found = await asyncio.gather(*(machine.keys() for machine in machines))
    assert len({one.signing.current().kid for one in found}) == 1
    sealed = [one.box.seal(b"x", "task") for one in found]
    assert [one.box.unseal(each, "task") for one in found for each in sealed] == [b"x"] * 9
    assert [(row.purpose, row.generation) for row in await machines[0].rows()] == [("secrets", 1), ("signing", 1)]


_START = r"""
import asyncio, sys
from pathlib import Path
from tests.storage.test_keys import Machine

async def main():
    async with Machine(sys.argv[1], Path(sys.argv[2])) as machine:
        found = await machine.keys()
        print("\nkid " + found.signing.current().kid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.thorough(sample=1)
async def test_processes_that_are_killed_while_they_start_leave_one_key(url: str, tmp_path: Path) -> None:
    async with Machine(url, tmp_path / "here") as machine:
        command = [sys.executable, "-c", _START, url, str(tmp_path / "there")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        started = [
            await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
            for _ in range(4)
        ]
        for process in started[:2]:
            await asyncio.sleep(random.uniform(0.3, 1.2))
            process.send_signal(signal.SIGKILL)
        said = [await process.stdout.readuntil(b"\nkid ") for process in started[2:] if process.stdout]
        said = [await process.stdout.readline() for process in started[2:] if process.stdout]
        here = await machine.keys()
        for process in started[2:]:
            process.kill()
        await asyncio.gather(*(process.wait() for process in started))
        assert {line.decode().strip() for line in said} == {here.signing.current().kid}
        assert [row.generation for row in await machine.rows()] == [1, 1]


async def test_the_database_alone_tells_no_key_that_is_wrapped(machines: list[Machine]) -> None:
    found = await machines[0].keys()
    assert found.are_wrapped
    for row in await machines[0].rows():
        assert b"PRIVATE KEY" not in row.content
        assert row.wrapped_by


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_key_beside_a_file_is_for_the_owner_only_and_is_reported(
    machines: list[Machine], tmp_path: Path
) -> None:
    one, two, three = machines
    with structlog.testing.capture_logs() as logs:
        await one.keys(AuthSettings())
        assert (await two.keys(AuthSettings())).are_wrapped
    key = tmp_path / "test.sqlite-key"
    assert [entry["event"] for entry in logs].count("key_file_created") == 1
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        await three.keys(AuthSettings())
    key.unlink()
    with pytest.raises(SettingsError, match=r"auth\.keyEncryptionKeys.*at hand is none.*docs/keys\.md"):
        await three.keys(AuthSettings())
    assert not key.exists(), "a lost key is not hidden by a new one"


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_keys_of_a_server_may_lie_open_which_is_warned_of_and_are_wrapped_later(machines: list[Machine]) -> None:
    one, two, three = machines
    unwrapped = await one.keys(AuthSettings())
    with structlog.testing.capture_logs() as logs:
        unwrapped.log_mode()
        (await two.keys()).log_mode()
    [warning] = [entry for entry in logs if entry["event"] == "keys_not_wrapped"]
    assert warning["log_level"] == "warning"
    assert "auth.keyEncryptionKeys" in warning["hint"]
    assert all(row.wrapped_by for row in await one.rows())
    with pytest.raises(SettingsError, match=r"at hand is none\. Give the former key"):
        await three.keys(AuthSettings())


async def test_another_wrapping_key_is_refused_with_what_to_do_and_changed_by_listing_both(
    machines: list[Machine],
) -> None:
    one, two, three = machines
    first = await one.keys()
    sealed = first.box.seal(b"x", "task")
    other = AuthSettings(wrapping_keys=("other" * 8,))
    with pytest.raises(SettingsError, match=r"^Configuration value 'auth\.keyEncryptionKeys': .*docs/keys\.md"):
        await two.keys(other)
    both = AuthSettings(wrapping_keys=("other" * 8, "first" * 8))
    assert (await two.keys(both)).box.unseal(sealed, "task") == b"x"
    assert await first.signing.verifying("nobody's") is None, "which makes the first look at the keys again"
    assert first.box.unseal(sealed, "task") == b"x"
    assert (await three.keys(other)).box.unseal(sealed, "task") == b"x"


async def test_signing_keys_change_by_age_and_stay_until_their_last_token_has_expired(
    machines: list[Machine],
) -> None:
    one, two, three = machines
    first = await one.keys()
    old = first.signing.current().kid
    await one.age("signing", HOUR - ring.LEAD // 2)
    second = await two.keys()
    assert second.signing.current().kid == old, "the next key is known before it is used"
    assert len(kids(second)) == 2
    new = kids(second)[1]
    assert await first.signing.verifying(new), "a key that another replica made is found"
    await one.age("signing", ring.LEAD)
    third = await three.keys()
    assert third.signing.current().kid == new
    assert kids(third) == [new, old]
    await one.age("signing", HOUR)
    async with Machine(one.url, one.folder) as later:
        assert old in kids(await later.keys())
    await one.age("signing", HOUR)
    async with Machine(one.url, one.folder) as later:
        assert old not in kids(await later.keys())


async def test_a_secrets_key_changes_by_age_and_stays_as_long_as_something_needs_it(machines: list[Machine]) -> None:
    one, two, three = machines
    first = await one.keys()
    sealed = first.box.seal(b"{}", "task")
    row = {"sealed": sealed, "id": "task"}
    await one.execute(
        sa.text(
            "INSERT INTO tasks (id, spec, status, created_at, starts_over, claim, cancel_requested, secrets) "
            "VALUES (:id, '{}', 'open', 0, false, 0, false, :sealed)"
        ),
        row,
    )
    await one.age("secrets", 30 * DAY)
    await two.keys()
    await one.age("secrets", ring.LEAD + 2 * DAY)
    third = await three.keys()
    by_now = third.box.seal(b"{}", "task")
    assert by_now[:12] != sealed[:12]
    assert third.box.unseal(sealed, "task") == b"{}"
    await one.execute(sa.text("UPDATE tasks SET secrets = :sealed"), {"sealed": by_now})
    async with Machine(one.url, one.folder) as later:
        assert (await later.keys()).box.unseal(by_now, "task") == b"{}"
        assert [row.generation for row in await later.rows() if row.purpose == "secrets"] == [2]
        with pytest.raises(UnsealError):
            (await later.keys()).box.unseal(sealed, "task")


async def test_running_processes_learn_of_a_new_key_before_it_is_used(machines: list[Machine]) -> None:
    one, two, _ = machines
    first = await one.keys()
    await one.age("secrets", 30 * DAY)
    second = await two.keys()
    await one.age("secrets", ring.LEAD)
    async with Machine(one.url, one.folder) as later:
        sealed = (await later.keys()).box.seal(b"x", "task")
    assert second.box.unseal(sealed, "task") == b"x"
    async with patience.bounded():  # the wake that the new key brought
        while sealed[4:12].hex() not in known(first):  # noqa: ASYNC110  # nothing tells a test
            await asyncio.sleep(0.05)
    assert first.box.unseal(sealed, "task") == b"x"


def known(one: Keys) -> set[str]:
    return set(one.box._keys.known)  # what a process knows shows nowhere else


async def test_files_of_an_earlier_version_are_taken_over(url: str, tmp_path: Path) -> None:
    """Each machine of a server's database had files of its own; an SQLite file has one beside it."""
    old = {name: b"the key of machine %s..............." % name.encode() for name in ("one", "two")}
    by_file = {name: signing_keys.generate() for name in old}
    for name in old:
        (tmp_path / name).mkdir()
        beside = url.startswith("sqlite")
        secrets_file = tmp_path / ("test.sqlite-key" if beside else f"{name}/backstage-py-secrets-key")
        secrets_file.touch(0o600)
        secrets_file.write_bytes(old["one" if beside else name])
        signing_file = (tmp_path if beside else tmp_path / name) / "backstage-py-signing-key.pem"
        signing_file.write_bytes(signing_keys.stored(by_file["one" if beside else name]).content or b"")
    sealed = {name: boxes.box(old[name]).seal(b"x", "task") for name in old}
    async with Machine(url, tmp_path / "one") as one, Machine(url, tmp_path / "two") as two:
        first, second = await one.keys(), await two.keys()
        assert first.signing.current().kid == by_file["one"].kid
        assert first.box.unseal(sealed["one"], "task") == b"x"
        assert second.box.unseal(sealed["one"], "task") == b"x"
        anew = second.box.seal(b"y", "task")
        assert boxes.box(old["one"]).unseal(anew, "task") == b"y", "a replica of the version before reads it"
        if not url.startswith("sqlite"):
            assert second.signing.current().kid == by_file["one"].kid
            assert second.box.unseal(sealed["two"], "task") == b"x"
            assert await first.signing.verifying(by_file["two"].kid)
        (tmp_path / "one/backstage-py-secrets-key").unlink(missing_ok=True)
        async with Machine(url, tmp_path / "three") as three:
            assert (await three.keys()).box.unseal(sealed["one"], "task") == b"x"


async def test_a_configured_secrets_key_is_taken_over_and_wraps(machines: list[Machine]) -> None:
    one, two, three = machines
    before = boxes.box(b"configured" * 4)
    sealed = before.seal(b"x", "task")
    found = await one.keys(AuthSettings(), secrets_key="configured" * 4)
    assert found.are_wrapped
    assert found.box.unseal(sealed, "task") == b"x"
    assert before.unseal(found.box.seal(b"y", "task"), "task") == b"y"
    with pytest.raises(SettingsError, match=r"at hand is .*scaffolder\.secretsKey"):
        await two.keys(AuthSettings(), secrets_key="another one" * 4)
    both = AuthSettings(wrapping_keys=("first" * 8,))
    assert (await two.keys(both, secrets_key="configured" * 4)).box.unseal(sealed, "task") == b"x"
    assert (await three.keys(both)).box.unseal(sealed, "task") == b"x"


async def test_signing_keys_in_files_are_known_to_all_and_a_difference_is_said(machines: list[Machine]) -> None:
    one, two, three = machines
    auth = [replace(WRAPPED, key_file=machine.folder / "own.pem") for machine in machines]
    first = await one.keys(auth[0])
    with structlog.testing.capture_logs() as logs:
        second = await two.keys(auth[1])
    third = await three.keys()
    mine, other = first.signing.current().kid, second.signing.current().kid
    assert mine != other
    [said] = [entry for entry in logs if entry["event"] == "signing_key_files_differ"]
    assert said["others"] == [mine]
    assert "auth.keyFile" in said["hint"]
    for verifier in (first, second, third):
        assert await verifier.signing.verifying(mine)
        assert await verifier.signing.verifying(other)
        assert {mine, other} <= set(kids(third))
    assert all(row.content is None for row in await one.rows() if row.id in {mine, other}), "it stays in the file"
    async with Machine(one.url, one.folder) as again:
        assert (await again.keys(auth[0])).signing.current().kid == mine
    for machine in machines:
        await machine.stop()  # one that runs says again and again that it has its file
    async with Machine(one.url, one.folder) as later:
        await later.age("signing", 2 * HOUR)
        assert not {mine, other} & set(kids(await later.keys())), "nobody has these files any more"


async def test_a_clock_that_is_set_back_leaves_a_key_to_use(machines: list[Machine]) -> None:
    one, two, _ = machines
    first = await one.keys()
    await one.age("signing", -DAY)
    await one.age("secrets", -DAY)
    second = await two.keys()
    assert second.signing.current().kid == first.signing.current().kid
    assert first.box.unseal(second.box.seal(b"x", "task"), "task") == b"x"
