"""Archives of whole trees: the API redirects to the host, which streams the output of ``git archive``."""

from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response, StreamingResponse

from backstage_py.sandbox import names
from backstage_py.sandbox.call import Call, route
from backstage_py.sandbox.gitrepo.process import environment
from backstage_py.sandbox.problems import NotFound

_FORMATS: Final = {"legacy.tar.gz": ("tar.gz", "application/x-gzip"), "legacy.zip": ("zip", "application/zip")}
_CHUNK = 64 * 1024


def _redirect(kind: str) -> Callable[[Call], Awaitable[Response]]:
    async def to_archive(call: Call) -> Response:
        repository = call.find()
        sha = await call.commit(repository, call.request.path_params.get("ref", ""))
        url = f"{call.host.settings.base_url}/codeload/{repository.full_name}/{kind}/{sha}"
        return RedirectResponse(url, HTTPStatus.FOUND)

    return to_archive


async def _send(call: Call) -> Response:
    repository = call.find()
    sha = call.param("sha")
    if call.param("kind") not in _FORMATS or not names.is_sha(sha):
        raise NotFound
    await call.commit(repository, sha)
    suffix, media = _FORMATS[call.param("kind")]
    folder = f"{repository.owner}-{repository.name}-{sha[:7]}"
    bare = call.bare(repository)

    async def archive() -> AsyncIterator[bytes]:
        args = (f"--git-dir={bare.path}", "archive", f"--format={suffix}", f"--prefix={folder}/", sha)
        async with call.host.transfers.start(*args, env=environment()) as process:
            while process.stdout is not None and (chunk := await process.stdout.read(_CHUNK)):
                yield chunk
            if await process.wait() != 0:
                raise OSError(f"git archive of {repository.full_name} at {sha} failed")  # cuts the connection

    disposition = f'attachment; filename="{folder}.{suffix}"'
    headers = {"content-disposition": disposition, "etag": f'W/"{suffix}-{sha}"'}
    return StreamingResponse(archive(), media_type=media, headers=headers)


_REPOSITORY: Final = "/repos/{owner}/{repo}"
ROUTES = [
    route("GET", f"{_REPOSITORY}/{kind}{rest}", _redirect(name))
    for kind, name in (("tarball", "legacy.tar.gz"), ("zipball", "legacy.zip"))
    for rest in ("", "/{ref:path}")
]
DOWNLOADS = [route("GET", "/codeload/{owner}/{repo}/{kind}/{sha}", _send)]
"""Routes below the host's root."""
