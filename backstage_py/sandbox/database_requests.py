"""Requests for a database, kept as manifests in a git repository: one file for each service.

The manifest is a namespaced composite resource of Crossplane 2. Whoever watches the repository (Argo CD, Flux) applies
it; the sandbox only commits.
"""

from dataclasses import dataclass
from typing import Final

import yaml

from backstage_py.errors import ConflictError
from backstage_py.model.json import JsonObject
from backstage_py.sandbox.gitrepo import changes, objects, refs
from backstage_py.sandbox.gitrepo.changes import Change
from backstage_py.sandbox.gitrepo.objects import Signature
from backstage_py.sandbox.gitrepo.process import Bare
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.store import RepositoryExistsError, RepositoryStore

OWNER: Final = "platform"
NAME: Final = "database-requests"
_BRANCH: Final = "main"
_TRIES = 10


@dataclass(frozen=True, slots=True)
class DatabaseRequest:
    """A request; both names are DNS labels, which the caller has checked."""

    service_name: str
    team: str

    @property
    def path(self) -> str:
        """Where the manifest lies in the repository."""
        return f"databases/{self.team}/{self.service_name}.yaml"

    @property
    def manifest(self) -> JsonObject:
        """The composite resource: it lives in the team's namespace."""
        return {
            "apiVersion": "platform.example.org/v1alpha1",
            "kind": "PostgresInstance",
            "metadata": {
                "name": self.service_name,
                "namespace": self.team,
                "labels": {
                    "app.kubernetes.io/name": self.service_name,
                    "app.kubernetes.io/managed-by": "backstage-py",
                    "platform.example.org/team": self.team,
                },
            },
            "spec": {"parameters": {"version": "17", "storageGB": 20}},
        }


@dataclass(frozen=True, slots=True)
class CommittedRequest:
    """A request that is committed: its commit, and whether it was made just now."""

    request: DatabaseRequest
    repository: Repository
    commit: str
    new: bool


async def commit(store: RepositoryStore, request: DatabaseRequest, author: str) -> CommittedRequest:
    """Commit a request's manifest; the same request again changes nothing and finds the first commit.

    Args:
        store: where the repository lies; it is made when missing.
        request: what is requested.
        author: who asks, as it shall stand in the commit.

    Raises:
        ConflictError: others kept pushing to the branch; trying again is right.
    """
    repository = await _repository(store)
    bare = store.bare(repository)
    content = yaml.safe_dump(request.manifest, sort_keys=False).encode()
    signature = Signature(author, f"{author.rpartition('/')[2]}@users.noreply.localhost", now())
    message = f"Request a Postgres database for {request.service_name}\n\nTeam: {request.team}\n"
    blob = await objects.write_blob(bare, content)
    async with store.turn(repository):
        for _ in range(_TRIES):
            parent = await refs.commit_of(bare, f"refs/heads/{_BRANCH}")
            if parent and (known := await _commit_of(bare, parent, request.path, blob)):
                return CommittedRequest(request, repository, known, new=False)
            try:
                sha = await changes.commit(bare, _BRANCH, parent, [Change(request.path, blob)], message, signature)
            except refs.RefMovedError:
                continue  # somebody pushed: build on what they committed
            repository = await store.change(OWNER, NAME, Repository.pushed)
            return CommittedRequest(request, repository, sha, new=True)
    raise ConflictError(f"The branch '{_BRANCH}' of {OWNER}/{NAME} changed {_TRIES} times in a row; try again.")


async def _repository(store: RepositoryStore) -> Repository:
    found = store.find(OWNER, NAME)
    if found:
        return found
    settings = Repository(OWNER, NAME).settings | {"description": "Databases that services asked for"}
    try:
        return await store.create(Repository(OWNER, NAME, settings=settings, default_branch=_BRANCH))
    except RepositoryExistsError:  # made by another request in this moment
        return store.find(OWNER, NAME) or Repository(OWNER, NAME)


async def _commit_of(bare: Bare, head: str, path: str, blob: str) -> str | None:
    """Return the commit that put a blob at a path, None when something else or nothing is there."""
    entry = await objects.find_entry(bare, head, path)
    if entry is None or entry.sha != blob:
        return None
    history = await objects.history(bare, head, path=path, limit=1)
    return history[0].sha
