"""The keys of one purpose as a process knows them, kept like the database's for as long as it runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog

from backstage_py import background
from backstage_py.errors import SettingsError
from backstage_py.sealing import UnsealError
from backstage_py.storage.database import Database
from backstage_py.storage.keys import ring
from backstage_py.storage.keys.ring import Key
from backstage_py.storage.keys.store import CHANGED, KeyStore, Row
from backstage_py.storage.keys.wrapping import WrappingKeys
from backstage_py.storage.wakes.hub import Wake

_log = structlog.get_logger(__name__)
_PATIENCE = 120.0  # well below the time for which a key is known before it is used
_DROPS = 1800.0  # looking for what a key is still needed for may take a while
_PAUSE = 1.0
_COOL_DOWN = 0.25  # however many unknown keys somebody names
_STRANGERS = 1_000
_KEPT = "auth.keyEncryptionKeys"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is not in the database yet; see ``tables``."""

    id: str
    content: bytes | None = field(repr=False)
    public: str | None = None
    is_bare: bool = False


@dataclass(frozen=True, slots=True)
class Purpose:
    """What keys are for.

    Attributes:
        name: in the table.
        make: makes one.
        rotation: milliseconds for which one is used.
        keep: milliseconds for which one is needed at least after its last use.
        is_used: whether rows of the database still need a key.
    """

    name: str
    make: Callable[[], NewKey]
    rotation: int
    keep: int
    is_used: Callable[[sa.Connection, Key], bool] = lambda _connection, _key: False


class KeyChain:
    """The keys; to be opened, and run.

    Args:
        database: holds them.
        wrapping: opens and wraps them.
        purpose: says how they are made and used.
        kept_in_file: a key of a file that is used instead of those of the database, which then only verify.
    """

    def __init__(
        self, database: Database, wrapping: WrappingKeys, purpose: Purpose, kept_in_file: NewKey | None = None
    ) -> None:
        self._store = KeyStore(database, purpose.name)
        self._wakes = database.wakes
        self._wrapping = wrapping
        self._purpose = purpose
        self._in_file = kept_in_file
        self._known: Mapping[str, Key] = {}
        self._unopened: set[str] = set()
        self._strangers: set[str] = set()
        self._next_drop = float("-inf")
        self._now_at_load, self._loaded = 0, float("-inf")
        self._wake: Wake | None = None
        self._lock = asyncio.Lock()

    async def open(self, taken_over: Sequence[NewKey] = ()) -> None:
        """Read the keys; make the first one when there is none. Processes that do so at once agree on it.

        Args:
            taken_over: keys that were in use before they were in the database. The first becomes the first of the
                database, too, if that has none; the others only verify and open.

        Raises:
            SettingsError: what wrapped them is not at hand.
        """
        async with self._lock:
            await self._load(at_start=True)
            await self._take_over(taken_over)
            await self._tend()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the database, and make and drop keys in time, until the block is left."""
        async with background.running(background.supervised(f"keys.{self._purpose.name}", self._follow)):
            yield

    @property
    def current(self) -> Key:
        """The key to use now."""
        if self._in_file:
            return self._known[self._in_file.id]
        found = ring.current(self._known.values(), self._now())
        if found is None:
            raise UnsealError("None of the keys in the database can be opened; the log of the start says which")
        return found

    @property
    def known(self) -> Mapping[str, Key]:
        """All keys that verify and open, by id."""
        return self._known

    @property
    def in_other_files(self) -> Sequence[str]:
        """Ids of keys that running processes have in files, and this one has not."""
        since = self._now() - int(2 * _PATIENCE * 1000)
        return [key.id for key in self._known.values() if key.content is None and (key.seen_at or 0) > since]

    def miss(self) -> None:
        """Look for new keys soon, since somebody named one that is not known; callable from any thread."""
        if self._wake:
            self._wake.set_from_any_thread()

    async def look_up(self, id_: str) -> Key | None:
        """Return a key, which another process may have made just now.

        A key is stored before it is used, so one that is not there by now is somebody else's, and not asked for
        again for a while.
        """
        if id_ not in self._known and id_ not in self._strangers:
            asked = time.monotonic()
            async with self._lock:
                if self._loaded < asked:
                    await asyncio.sleep(max(self._loaded + _COOL_DOWN - time.monotonic(), 0))
                    await self._load()
            if id_ not in self._known and len(self._strangers) < _STRANGERS:
                self._strangers.add(id_)
        return self._known.get(id_)

    async def _follow(self) -> None:
        with self._wakes.subscribe(CHANGED) as self._wake:
            while True:
                await self._wake.wait(_PATIENCE)
                async with self._lock:
                    self._strangers.clear()
                    await self._load()
                    await self._tend()
                await asyncio.sleep(_PAUSE)

    async def _take_over(self, keys: Sequence[NewKey]) -> None:
        is_first = not ring.in_turn(self._known.values()) and not self._in_file
        for key in keys:
            if key.id not in self._known:
                await self._store.add(self._row(key, 1 if is_first else None, self._now()))
                await self._load(at_start=True)
                if key.id not in self._known:  # another process was first with generation 1
                    await self._store.add(self._row(key, None, self._now()))
                _log.info("key_taken_over", purpose=self._purpose.name, key=key.id)
                is_first = False
        await self._load(at_start=True)

    async def _tend(self) -> None:
        """Make the key that is due, wrap what is wrapped otherwise, and drop what is done with."""
        if self._in_file:
            await self._store.see(self._row(self._in_file, None, self._now()))
            await self._load()
        elif due := ring.following(self._known.values(), self._now(), self._purpose.rotation):
            await self._store.add(self._row(self._purpose.make(), *due))
            await self._load()
            _log.info("key_made", purpose=self._purpose.name, generation=due[0])
        if time.monotonic() > self._next_drop:
            self._next_drop = time.monotonic() + _DROPS
            for key in ring.outdated(self._known.values(), self._now(), self._purpose.keep):
                await self._drop(key)

    async def _drop(self, key: Key) -> None:
        if await self._store.drop(key.id, lambda connection: self._purpose.is_used(connection, key)):
            self._known = {id_: one for id_, one in self._known.items() if id_ != key.id}
            _log.info("key_dropped", purpose=self._purpose.name, key=key.id)

    async def _load(self, *, at_start: bool = False) -> None:
        now, rows = await self._store.load()
        self._now_at_load, self._loaded = now, time.monotonic()
        self._known = {row.id: self._key(row, at_start=at_start) for row in rows}
        for row in rows:
            await self._rewrap(row, self._known[row.id].content)

    async def _rewrap(self, row: Row, content: bytes | None) -> None:
        if row.content is not None and content is not None and self._wrapping.is_former(row.wrapped_by):
            await self._store.rewrap(row, self._wrapping.wrap(content, self._context(row.id)), self._wrapping.first)

    def _key(self, row: Row, *, at_start: bool) -> Key:
        content = row.content
        if self._in_file and row.id == self._in_file.id:
            content = self._in_file.content
        elif content is not None:
            content = self._unwrapped(row, content, at_start=at_start)
        return Key(row.id, row.generation, row.is_bare, row.used_from, content, row.public, row.seen_at)

    def _unwrapped(self, row: Row, content: bytes, *, at_start: bool) -> bytes | None:
        try:
            return self._wrapping.unwrap(content, row.wrapped_by, self._context(row.id))
        except UnsealError as error:
            if at_start:
                raise SettingsError(_KEPT, error.message) from error
            if row.id not in self._unopened:
                _log.error("key_not_opened", purpose=self._purpose.name, key=row.id, problem=error.message)
                self._unopened.add(row.id)
            known = self._known.get(row.id)  # another replica wrapped it meanwhile, with a key that is not here
            return known.content if known else None

    def _row(self, key: NewKey, generation: int | None, used_from: int) -> Row:
        content = None if key.content is None or key is self._in_file else key.content
        wrapped = None if content is None else self._wrapping.wrap(content, self._context(key.id))
        by = None if content is None else self._wrapping.first
        seen = self._now() if generation is None else None
        return Row(key.id, generation, key.is_bare, key.public, wrapped, by, used_from, seen)

    def _context(self, id_: str) -> str:
        return f"{self._purpose.name} {id_}"

    def _now(self) -> int:
        return self._now_at_load + int((time.monotonic() - self._loaded) * 1000)
