"""Files through the repository files API, trees through archives."""

from pathlib import Path
from urllib.parse import urlencode

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.integrations.hosts import archives, scm_url
from backstage_py.integrations.hosts.host import Site
from backstage_py.model.http import UrlContent
from backstage_py.model.web_url import segment


class GitlabHost:
    """gitlab.com and self-hosted GitLab, also below a folder of its host."""

    async def read(self, url: str, site: Site, *, etag: str | None) -> UrlContent | None:
        """Read a file."""
        where = scm_url.parse(url, site.integration)
        if not where.path:
            raise InputError(f"Incorrect url: {url}, it names no file")
        query = urlencode({"ref": where.ref or "HEAD"})
        address = f"{self._project(site, where.full_name)}/repository/files/{segment(where.path)}/raw?{query}"
        return await site.file(url, address, await site.headers(), etag)

    async def read_tree(self, url: str, site: Site, target: Path, *, etag: str | None) -> str | None:
        """Read a folder; the etag is the newest commit that touched it."""
        where = scm_url.parse(url, site.integration)
        headers = await site.headers()
        project = self._project(site, where.full_name)
        branch = where.ref or (await site.json(project, headers)).json()["default_branch"]
        within = {"path": where.path} if where.path else {}
        commits = (
            await site.json(f"{project}/repository/commits?{urlencode({'ref_name': branch, **within})}", headers)
        ).json()
        commit = str(commits[0]["id"]) if commits else ""
        if etag and etag == commit:
            return None
        query = urlencode({"sha": branch, **within})
        async with site.archive(f"{project}/repository/archive.tar.gz?{query}", headers) as archive:
            await threads.file_work(archives.unpack_tar, archive, target, subpath=where.path)
        return commit

    def _project(self, site: Site, full_name: str) -> str:
        api = site.api or f"https://{site.integration.host}/api/v4"
        return f"{api}/projects/{segment(full_name)}"
