"""Objects written to the repository that is deployed, looked for there, and removed from it.

Whatever is asked twice is done once: paths and branches follow from an object's name, a file that is there stays as it
is, and an open pull request for it is found again.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from backstage_py.errors import ConflictError, ForeignError, InputError
from backstage_py.integrations.crossplane import deployed, orders
from backstage_py.integrations.crossplane.deliveries import Delivery, Mode, Target
from backstage_py.integrations.crossplane.deployed import Deployed, File, GitHosts
from backstage_py.model import yaml
from backstage_py.model.json import JsonObject

_TRIES = 4
_VERBS = ("add", "remove")
_MOST_READ = 5_000
_READ: dict[str, JsonObject | None] = {}
"""Objects of files by what names the files' content, which never changes; None for what is no object."""


class State(StrEnum):
    """How an object stands in the repository."""

    ABSENT = "absent"
    REQUESTED = "requested"
    COMMITTED = "committed"
    REMOVAL_REQUESTED = "removal requested"


@dataclass(frozen=True, slots=True)
class Standing:
    """An object in the repository.

    Attributes:
        delivery: the way to its environment.
        path: of its file.
        state: how it stands.
        object: as it is written there; None where it is ``absent``.
        url: of the open pull request; empty where there is none.
        note: why a pull request that merges by itself is not merged yet.
        is_new: it was written, or asked for, just now.
    """

    delivery: Delivery
    path: str
    state: State
    object: JsonObject | None = None
    url: str = ""
    note: str = ""
    is_new: bool = False

    @property
    def page(self) -> str:
        """Where a person sees it: the pull request, else the file."""
        repository = self.delivery.repository.removesuffix("/").removesuffix(".git")
        return self.url or f"{repository}/blob/{self.delivery.branch}/{self.path}"

    def shown(self) -> JsonObject:
        """Return it as answers show it."""
        made: JsonObject = {
            "mode": str(self.delivery.mode),
            "repository": self.delivery.repository,
            "branch": self.delivery.branch,
            "path": self.path,
            "state": str(self.state),
        }
        made |= {"pullRequest": self.url} if self.url else {}
        return made | ({"note": self.note} if self.note else {})


@dataclass(frozen=True, slots=True)
class Desk:
    """One object's place in the repository."""

    place: Deployed
    target: Target

    @property
    def path(self) -> str:
        """Its file."""
        return self.place.delivery.file(self.target)

    async def look(self) -> Standing:
        """Return how it stands."""
        delivery = self.place.delivery
        absent = Standing(delivery, self.path, State.ABSENT)
        if not self.target.is_sound:
            return absent
        if file := await self.place.read(self.path, delivery.branch):
            found = replace(absent, state=State.COMMITTED, object=_object(file, self.path))
            leaving = await self._open("remove")
            return replace(found, state=State.REMOVAL_REQUESTED, url=leaving["html_url"]) if leaving else found
        request = await self._open("add")
        file = await self.place.read(self.path, request["head"]["ref"]) if request else None
        if request is None or file is None:
            return absent
        return replace(absent, state=State.REQUESTED, object=_object(file, self.path), url=request["html_url"])

    async def _open(self, verb: str) -> JsonObject | None:
        if self.place.delivery.mode is not Mode.PULL_REQUEST:
            return None
        return next(iter(await self.place.open_requests(self.target.head(verb))), None)

    async def put(self, value: JsonObject) -> Standing:
        """Have an object written; what is there as it was asked for stays as it is.

        Raises:
            ConflictError: it is there with something else, or is about to be removed.
        """
        before = await self._same(value)
        if before.state is State.COMMITTED:
            return before
        if before.state is State.ABSENT:
            return await self._write(value)
        return replace(await self._merged("add", before), is_new=False)

    async def _same(self, value: JsonObject) -> Standing:
        found = await self.look()
        if found.state is State.REMOVAL_REQUESTED:
            raise ConflictError(f"{self.path} is about to be removed by {found.url}; close that first, or wait for it")
        if found.object is not None and orders.request_of(found.object) != orders.request_of(value):
            raise ConflictError(f"{self.path} is in {found.delivery.repository} already with something else")
        return found

    async def _write(self, value: JsonObject) -> Standing:
        text, message = yaml.dump(value), f"Add {value['kind']} {self.target.namespace}/{self.target.name}"
        if self.place.delivery.mode is Mode.COMMIT:
            await self._written(text, self.place.delivery.branch, message)
            return replace(await self._same(value), is_new=True)
        head = self.target.head("add")
        await self.place.branch_off(head)
        await self._written(text, head, message)
        await self.place.open_request(head, message, _body(value, self.path))
        return replace(await self._merged("add", await self._same(value)), is_new=True)

    async def _written(self, text: str, branch: str, message: str) -> None:
        """Write the file; a branch that somebody else moved meanwhile is tried again."""
        for attempt in range(_TRIES):
            if await self.place.read(self.path, branch):
                return
            try:
                await self.place.write(self.path, text, branch, message)
            except (ConflictError, InputError, ForeignError):
                if attempt == _TRIES - 1:
                    raise

    async def remove(self, kind: str) -> Standing:
        """Have it removed; a pull request that would have added it is closed."""
        found = await self.look()
        if found.state is State.REQUESTED:
            for one in await self.place.open_requests(self.target.head("add")):
                await self.place.close(one)
            return replace(found, state=State.ABSENT, object=None, url="")
        if found.state is State.COMMITTED:
            return await self._remove(found, f"Remove {kind} {self.target.namespace}/{self.target.name}")
        return found if found.state is State.ABSENT else await self._merged("remove", found)

    async def _remove(self, found: Standing, message: str) -> Standing:
        if self.place.delivery.mode is Mode.COMMIT:
            await self._removed(self.place.delivery.branch, message)
            return replace(found, state=State.ABSENT, object=None, is_new=True)
        head = self.target.head("remove")
        await self.place.branch_off(head)
        await self._removed(head, message)
        request = await self.place.open_request(head, message, f"Removes `{self.path}`.")
        asked = replace(found, state=State.REMOVAL_REQUESTED, url=request["html_url"], is_new=True)
        return await self._merged("remove", asked)

    async def _removed(self, branch: str, message: str) -> None:
        for attempt in range(_TRIES):
            file = await self.place.read(self.path, branch)
            if file is None:
                return
            try:
                await self.place.remove(self.path, branch, message, file.sha)
            except (ConflictError, InputError, ForeignError):
                if attempt == _TRIES - 1:
                    raise

    async def _merged(self, verb: str, found: Standing) -> Standing:
        """Merge what may be merged by itself, and return how it stands then."""
        request = await self._open(verb) if self.place.delivery.auto_merge else None
        if request is None:
            return found
        note = await self.place.merge(request, self.path)
        return replace(await self.look(), note=note) if note else await self.look()


def _object(file: File, path: str) -> JsonObject:
    try:
        value = yaml.load(file.text, filename=path)
    except ValueError as error:
        raise ConflictError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        raise ConflictError(f"{path} is there already and holds no single object; choose another serviceName")
    return value


def _object_or_none(file: File, path: str) -> JsonObject | None:
    try:
        return _object(file, path)
    except ConflictError:
        return None


def _body(value: JsonObject, path: str) -> str:
    asked = orders.request_of(value)
    lines = [f"- {key}: {one}" for key, one in asked.items()]
    return "\n".join([f"Writes `{path}`, as it was asked for by {orders.asked_by(value)}:", "", *lines])


@asynccontextmanager
async def desk(delivery: Delivery, target: Target, hosts: GitHosts | None) -> AsyncIterator[Desk]:
    """Open an object's place in the repository. Raises InputError: its host cannot be used."""
    async with deployed.opened(delivery, hosts) as place:
        yield Desk(place, target)


async def listed(delivery: Delivery, resource: str, environment: str, hosts: GitHosts | None) -> list[Standing]:
    """Return the objects of a resource that are in the repository, or asked for there.

    It asks for the files' names, the open pull requests, and what it has not read before.
    """
    async with deployed.opened(delivery, hosts) as place:
        files = await place.files()
        requests = await place.open_requests() if delivery.mode is Mode.PULL_REQUEST else []
        by_head = {one["head"]["ref"]: one for one in requests}
        committed = {path: found for path in files if (found := delivery.target(path, resource, environment))}
        held = [await _committed(place, path, files[path], by_head.get(one.head("remove")))
                for path, one in committed.items()]  # fmt: skip
        asked = [one for one in _asked(by_head, resource, environment) if one not in committed.values()]
        return held + [await Desk(place, one).look() for one in asked]


async def _committed(place: Deployed, path: str, sha: str, leaving: JsonObject | None) -> Standing:
    if sha not in _READ:
        if len(_READ) >= _MOST_READ:
            _READ.clear()
        text = await place.content(sha)
        _READ[sha] = _object_or_none(File(text, sha), path)
    found = Standing(place.delivery, path, State.COMMITTED, _READ[sha])
    return replace(found, state=State.REMOVAL_REQUESTED, url=leaving["html_url"]) if leaving else found


def _asked(heads: Mapping[str, JsonObject], resource: str, environment: str) -> list[Target]:
    """Return what the branches of open pull requests would add."""
    prefix = re.escape(Target(resource, environment, "", "").head("add").rstrip("/"))
    found = [re.fullmatch(f"{prefix}/([^/]+)/([^/]+)", one) for one in heads]
    return [Target(resource, environment, one[1], one[2]) for one in found if one]


async def merge_open(delivery: Delivery, resource: str, environment: str, hosts: GitHosts | None) -> None:
    """Merge the open pull requests of a resource that merge by themselves and may be now."""
    if delivery.mode is not Mode.PULL_REQUEST or not delivery.auto_merge:
        return
    async with deployed.opened(delivery, hosts) as place:
        prefixes = tuple(Target(resource, environment, "", "").head(verb).rstrip("/") + "/" for verb in _VERBS)
        for one in await place.open_requests():
            if one["head"]["ref"].startswith(prefixes):
                await place.merge(one, _file_of(delivery, one["head"]["ref"]))


def _file_of(delivery: Delivery, head: str) -> str:
    """Return the file that a branch adds or removes."""
    *_, resource, environment, namespace, name = head.split("/")
    return delivery.file(Target(resource, environment, namespace, name))
