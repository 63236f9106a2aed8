"""Files through Gerrit's API, which answers in base64, and trees through the archives of Gitiles."""

import base64
import binascii
from pathlib import Path
from urllib.parse import quote

from backstage_py import threads
from backstage_py.errors import ForeignError, InputError
from backstage_py.integrations import gerrit
from backstage_py.integrations.hosts import archives, scm_url
from backstage_py.integrations.hosts.host import Site
from backstage_py.integrations.hosts.scm_url import ScmUrl
from backstage_py.model.http import UrlContent
from backstage_py.model.web_url import segments


class GerritHost:
    """Gerrit; URLs are those of Gitiles, and name a branch or a commit."""

    async def read(self, url: str, site: Site, *, etag: str | None) -> UrlContent | None:
        """Read a file."""
        where = scm_url.parse(url, site.integration)
        address = f"{_revision(url, site, where)}/files/{quote(where.path, safe='')}/content"
        found = await site.file(url, address, await site.headers(), etag)
        if found is None:
            return None
        try:
            return UrlContent(base64.b64decode(found.content, validate=True), found.etag)
        except binascii.Error as error:
            raise ForeignError(f"{address} answered with something else than a file") from error

    async def read_tree(self, url: str, site: Site, target: Path, *, etag: str | None) -> str | None:
        """Read a folder; the etag is the commit."""
        where = scm_url.parse(url, site.integration)
        revision, headers = _revision(url, site, where), await site.headers()
        commit = where.ref
        if where.kind == scm_url.GERRIT_BRANCH:
            answer = await site.json(revision, headers)
            said = gerrit.parsed(answer)
            commit = str(said["revision"])
        if etag == commit:
            return None
        name = f"{where.kind.removeprefix('+').lstrip('/')}/{segments(where.ref)}".lstrip("/")
        below = f"/{segments(where.path.rstrip('/'))}" if where.path.strip("/") else ""
        root = gerrit.places(site.integration).archives(signed_in="Authorization" in headers)
        address = f"{root}/{segments(where.full_name)}/+archive/{name}{below}.tar.gz"
        async with site.archive(address, headers) as archive:
            await threads.file_work(archives.unpack_tar, archive, target, strip=0)
        return commit


def _revision(url: str, site: Site, where: ScmUrl) -> str:
    """Return the address of a branch or commit; with credentials it lies below ``/a/``."""
    kinds = {scm_url.GERRIT_BRANCH: "branches", scm_url.GERRIT_COMMIT: "commits"}
    if where.kind not in kinds or where.ref == "HEAD":
        raise InputError(f"Unsupported gitiles ref type of {url}; name a branch as +/refs/heads/NAME, or a commit")
    signed_in = "/a" if site.integration.options.get("password") else ""
    root = f"{gerrit.places(site.integration).pages}{signed_in}/projects"
    return f"{root}/{quote(where.full_name, safe='')}/{kinds[where.kind]}/{segments(where.ref)}"
