"""Files through the contents API, which answers in base64, and trees through archives."""

import base64
import binascii
from pathlib import Path

from backstage_py import threads
from backstage_py.errors import ForeignError
from backstage_py.integrations.hosts import archives, scm_url
from backstage_py.integrations.hosts.host import Site
from backstage_py.integrations.hosts.scm_url import ScmUrl
from backstage_py.model import json
from backstage_py.model.http import UrlContent
from backstage_py.model.web_url import segments


class GiteaHost:
    """Gitea and Forgejo."""

    async def read(self, url: str, site: Site, *, etag: str | None) -> UrlContent | None:
        """Read a file."""
        where = scm_url.parse(url, site.integration)
        address = f"{_repository(site, where)}/contents/{segments(where.path)}?ref={segments(where.ref)}"
        found = await site.file(url, address, await site.headers(), etag)
        if found is None:
            return None
        try:
            answer = json.parse(found.content)
            return UrlContent(base64.b64decode(answer["content"]), found.etag)
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise ForeignError(f"{address} answered with something else than a file") from error

    async def read_tree(self, url: str, site: Site, target: Path, *, etag: str | None) -> str | None:
        """Read a folder; the etag is the commit."""
        where = scm_url.parse(url, site.integration)
        headers = await site.headers()
        repository = _repository(site, where)
        ref = where.ref or (await site.json(repository, headers)).json()["default_branch"]
        commit = str((await site.json(f"{repository}/git/commits/{segments(ref)}", headers)).json()["sha"])
        if etag == commit:
            return None
        async with site.archive(f"{repository}/archive/{segments(ref)}.tar.gz", headers) as archive:
            await threads.file_work(archives.unpack_tar, archive, target, subpath=where.path)
        return commit


def _repository(site: Site, where: ScmUrl) -> str:
    base = site.integration.options.get("baseUrl") or where.site
    api = site.api or f"{str(base).rstrip('/')}/api/v1"
    return f"{api}/repos/{segments(where.full_name)}"
