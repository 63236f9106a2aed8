"""Git LFS: files that ``.gitattributes`` wants there are uploaded, and pointers stand for them in the commit.

By the specifications of pointers and of the batch API (``basic`` transfers) in git-lfs's ``docs``; git-lfs itself is
not needed. Without this, a repository has whole files where each of its clones expects pointers.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from backstage_py import errors, threads
from backstage_py.errors import ForeignError, NotImplementedInBackendError
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from backstage_py.model import json
from backstage_py.model.json import Json

_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"
_NAMED: Final = re.compile(rb"^oid sha256:([0-9a-f]{64})$\nsize (\d+)$", re.MULTILINE)
_MEDIA: Final = "application/vnd.git-lfs+json"
_BATCH = 100
_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A file that goes to LFS: SHA-256 and size in bytes name its content.

    ``is_pointer``: the file is a pointer already, and its content is elsewhere.
    """

    path: Path
    oid: str
    size: int
    is_pointer: bool = False

    def pointer(self) -> bytes:
        """Return what stands for it in a commit."""
        return _POINTER + f"oid sha256:{self.oid}\nsize {self.size}\n".encode()


def wants(folder: Path) -> bool:
    """Say whether an attributes file below a folder speaks of LFS."""
    return any(b"filter=lfs" in one.read_bytes() for one in folder.rglob(".gitattributes") if one.is_file())


def large_file(path: Path) -> LargeFile:
    """Return a file as LFS knows it."""
    content = path.read_bytes()
    if (named := _NAMED.search(content)) and content.startswith(_POINTER):
        return LargeFile(path, named[1].decode(), int(named[2]), is_pointer=True)
    return LargeFile(path, hashlib.sha256(content).hexdigest(), len(content))


async def upload(
    remote_url: str, authorization: str | None, branch: str, files: Sequence[LargeFile]
) -> Sequence[LargeFile]:
    """Upload contents to a repository's LFS; what is there already is not sent again.

    Returns:
        Pointers whose contents are not there: nobody has them here.

    Raises:
        NotFoundError, NotImplementedInBackendError: the host has no LFS. NotAllowedError, ForeignError,
        ServiceUnavailableError: it refuses, or does not answer.
    """
    root = remote_url.rstrip("/")
    root = root if root.endswith(".git") else f"{root}.git"
    own = {"Authorization": authorization} if authorization else {}
    missing: list[LargeFile] = []
    async with HttpClient(listed_hosts([urlsplit(remote_url).netloc])) as http:
        for start in range(0, len(files), _BATCH):
            batch = {one.oid: one for one in files[start : start + _BATCH]}
            asked = {
                "operation": "upload",
                "transfers": ["basic"],
                "ref": {"name": f"refs/heads/{branch}"},
                "objects": [{"oid": one.oid, "size": one.size} for one in batch.values()],
            }
            answer = await _json(http, "POST", f"{root}/info/lfs/objects/batch", own, asked)
            for found in answer.get("objects") or ():
                file = batch[str(found["oid"])]
                if not file.is_pointer:
                    await _put(http, file, found)
                elif found.get("error") or (found.get("actions") or {}).get("upload"):
                    missing.append(file)
    return missing


async def _put(http: HttpClient, file: LargeFile, found: Json) -> None:
    if problem := found.get("error"):
        raise errors.of_status(int(problem.get("code", 500)), f"Git LFS refuses {file.path.name}: {problem['message']}")
    actions = found.get("actions") or {}
    if send := actions.get("upload"):
        content = await threads.file_work(file.path.read_bytes)
        headers = {"Content-Type": "application/octet-stream", **_headers(send)}
        await _ask(http, "PUT", str(send["href"]), headers, content)
    if verify := actions.get("verify"):
        await _json(http, "POST", str(verify["href"]), _headers(verify), {"oid": file.oid, "size": file.size})


def _headers(action: Json) -> dict[str, str]:
    return {str(name): str(value) for name, value in (action.get("header") or {}).items()}


async def _json(http: HttpClient, method: str, url: str, headers: Mapping[str, str], body: Json) -> Json:
    media = {"Accept": _MEDIA, "Content-Type": _MEDIA}
    return await _ask(http, method, url, {**media, **headers}, json.dumps(body))


async def _ask(http: HttpClient, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Json:
    answer = await http.request(method, url, headers=headers, body=body, seconds=_SECONDS)
    try:
        said = answer.json() if answer.body else {}
    except ForeignError:
        said = {}
    if answer.status == HTTPStatus.NOT_IMPLEMENTED:
        raise NotImplementedInBackendError(f"{urlsplit(url).netloc} has no Git LFS")
    if not answer.ok:
        words = said.get("message") if isinstance(said, dict) else None
        host = urlsplit(url).netloc
        raise errors.of_status(
            answer.status,
            f"Git LFS of {host} refuses: {words or f'status {answer.status}'}. Switch LFS on for the repository's "
            "owner, or take 'filter=lfs' out of .gitattributes",
        )
    return said if isinstance(said, dict) else {}
