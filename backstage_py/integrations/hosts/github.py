"""Files through the contents API (or raw files without a token), trees through tarballs of a commit."""

from pathlib import Path

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.integrations.hosts import archives, scm_url
from backstage_py.integrations.hosts.host import Site
from backstage_py.integrations.hosts.scm_url import ScmUrl
from backstage_py.model.http import UrlContent
from backstage_py.model.web_url import segments

_RAW = "application/vnd.github.v3.raw"


class GithubHost:
    """github.com and GitHub Enterprise."""

    async def read(self, url: str, site: Site, *, etag: str | None) -> UrlContent | None:
        """Read a file; ``tree`` URLs are taken for files too, as GitHub redirects them."""
        where = scm_url.parse(url, site.integration)
        if not where.ref or where.kind not in {"blob", "raw", "tree"}:
            raise InputError(f"Incorrect URL: {url}, Error: Invalid GitHub URL or file path")
        headers = await site.headers(where.owner)
        raw = site.integration.raw_base_url
        name, path, ref = segments(where.full_name), segments(where.path), segments(where.ref)
        if site.api and (headers or not raw):
            address = f"{site.api}/repos/{name}/contents/{path}?ref={ref}"
        else:
            address = f"{(raw or '').rstrip('/')}/{name}/{ref}/{path}"
        return await site.file(url, address, {**headers, "Accept": _RAW}, etag)

    async def read_tree(self, url: str, site: Site, target: Path, *, etag: str | None) -> str | None:
        """Read a folder; the etag is the commit."""
        where = scm_url.parse(url, site.integration)
        headers = await site.headers(where.owner)
        commit = await self._commit(where, site, headers)
        if etag == commit:
            return None
        address = f"{site.api}/repos/{segments(where.full_name)}/tarball/{commit}"
        async with site.archive(address, headers) as archive:
            await threads.file_work(archives.unpack_tar, archive, target, subpath=where.path)
        return commit

    async def _commit(self, where: ScmUrl, site: Site, headers: dict[str, str]) -> str:
        repository = f"{site.api}/repos/{segments(where.full_name)}"
        ref = where.ref or (await site.json(repository, headers)).json()["default_branch"]
        return str((await site.json(f"{repository}/commits/{segments(ref)}", headers)).json()["sha"])
