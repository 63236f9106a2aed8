"""Bitbucket Cloud and Bitbucket Server, which share nothing but the name."""

from pathlib import Path
from urllib.parse import urlencode

from backstage_py import threads
from backstage_py.errors import InputError, NotFoundError
from backstage_py.integrations.hosts import archives, scm_url
from backstage_py.integrations.hosts.host import Site
from backstage_py.integrations.hosts.scm_url import ScmUrl
from backstage_py.model.http import UrlContent
from backstage_py.model.web_url import segments


class BitbucketCloudHost:
    """bitbucket.org."""

    async def read(self, url: str, site: Site, *, etag: str | None) -> UrlContent | None:
        """Read a file."""
        where = scm_url.parse(url, site.integration)
        if where.kind not in {"src", "raw"} or not where.ref:
            raise InputError(f"Incorrect URL: {url}, Error: Invalid Bitbucket Cloud URL or file path")
        address = f"{self._repository(site, where)}/src/{segments(where.ref)}/{segments(where.path)}"
        return await site.file(url, address, await site.headers(), etag)

    async def read_tree(self, url: str, site: Site, target: Path, *, etag: str | None) -> str | None:
        """Read a folder; the etag is the commit."""
        where = scm_url.parse(url, site.integration)
        headers = await site.headers()
        repository = self._repository(site, where)
        branch = where.ref or (await site.json(repository, headers)).json()["mainbranch"]["name"]
        commits = (await site.json(f"{repository}/commits/{segments(branch)}", headers)).json()
        commit = str(commits["values"][0]["hash"])
        if etag and commit.startswith(etag):
            return None
        address = f"{where.site}/{segments(where.full_name)}/get/{segments(branch)}.tar.gz"
        async with site.archive(address, headers) as archive:
            await threads.file_work(archives.unpack_tar, archive, target, subpath=where.path)
        return commit

    def _repository(self, site: Site, where: ScmUrl) -> str:
        return f"{site.api}/repositories/{segments(where.full_name)}"


class BitbucketServerHost:
    """Bitbucket Server and Data Center."""

    async def read(self, url: str, site: Site, *, etag: str | None) -> UrlContent | None:
        """Read a file."""
        where = scm_url.parse(url, site.integration)
        if not where.kind:
            raise InputError(f"Incorrect URL: {url}, Error: Invalid Bitbucket Server URL or file path")
        query = f"?{urlencode({'at': where.ref})}" if where.ref else ""
        address = f"{self._repository(site, where)}/raw/{segments(where.path)}{query}"
        return await site.file(url, address, await site.headers(), etag)

    async def read_tree(self, url: str, site: Site, target: Path, *, etag: str | None) -> str | None:
        """Read a folder; the etag is the newest commit."""
        where = scm_url.parse(url, site.integration)
        headers = await site.headers()
        repository = self._repository(site, where)
        branch = where.ref or await _default_branch(site, repository, headers)
        newest = await site.json(f"{repository}/commits?{urlencode({'until': branch, 'limit': 1})}", headers)
        commit = str(newest.json()["values"][0]["id"])
        if etag == commit:
            return None
        query = {"format": "tgz", "at": branch, "prefix": "archive"} | ({"path": where.path} if where.path else {})
        async with site.archive(f"{repository}/archive?{urlencode(query)}", headers) as archive:
            await threads.file_work(archives.unpack_tar, archive, target, subpath=where.path)
        return commit

    def _repository(self, site: Site, where: ScmUrl) -> str:
        api = site.api or f"https://{site.integration.host}/rest/api/1.0"
        return f"{api}/projects/{segments(where.owner)}/repos/{segments(where.name)}"


async def _default_branch(site: Site, repository: str, headers: dict[str, str]) -> str:
    """Return the default branch; servers before version 7.5 have it elsewhere."""
    try:
        found = await site.json(f"{repository}/default-branch", headers)
    except NotFoundError:
        found = await site.json(f"{repository}/branches/default", headers)
    return str(found.json()["displayId"])
