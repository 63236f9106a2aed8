"""Azure DevOps: the path of a file stands in the query of its URL, and archives are zips."""

from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from backstage_py import threads
from backstage_py.errors import InputError, NotAllowedError
from backstage_py.integrations.hosts import archives, azure_credentials, scm_url
from backstage_py.integrations.hosts.host import Site
from backstage_py.integrations.hosts.scm_url import ScmUrl
from backstage_py.integrations.web.http import raise_for
from backstage_py.model.http import UrlContent
from backstage_py.model.web_url import segments

_VERSION = "6.0"


class AzureHost:
    """dev.azure.com and Azure DevOps Server."""

    async def read(self, url: str, site: Site, *, etag: str | None) -> UrlContent | None:  # noqa: ARG002  # Azure has none
        """Read a file; Azure gives no etag for it."""
        where = scm_url.parse(url, site.integration)
        if not where.path:
            raise InputError(f"{url} must point to a specific path to be able to download a file")
        query = _query({"path": f"/{where.path}"}, "versionDescriptor", where)
        address = f"{_repository(where)}/items?{query}"
        answer = await site.get(address, await site.headers(_organization(where, site)))
        if answer.status == HTTPStatus.NON_AUTHORITATIVE_INFORMATION:  # Azure's way to ask for a sign-in
            raise NotAllowedError(f"{url} may not be read; check the credentials of integrations.azure")
        raise_for(answer, f"{url} could not be read as {address}, {answer.status} {answer.reason}")
        return UrlContent(answer.body)

    async def read_tree(self, url: str, site: Site, target: Path, *, etag: str | None) -> str | None:
        """Read a folder; the etag is the newest commit."""
        where = scm_url.parse(url, site.integration)
        headers = await site.headers(_organization(where, site))
        repository = _repository(where)
        query = _query({}, "searchCriteria.itemVersion", where)
        commits = await site.json(f"{repository}/commits?{query}", headers)
        commit = str(commits.json()["value"][0]["commitId"])
        if etag == commit:
            return None
        wanted = {"recursionLevel": "full", "download": "true", "scopePath": f"/{where.path}", "$format": "zip"}
        address = f"{repository}/items?{_query(wanted, 'versionDescriptor', where)}"
        async with site.archive(address, {**headers, "Accept": "application/zip"}) as archive:
            # the zip of a folder begins with the folder's own name
            await threads.file_work(archives.unpack_zip, archive, target, strip=1 if where.path else 0)
        return commit


def _repository(where: ScmUrl) -> str:
    return f"{where.site}/{segments(where.owner)}/_apis/git/repositories/{segments(where.name)}"


def _organization(where: ScmUrl, site: Site) -> str:
    return azure_credentials.organization_of(f"/{where.owner}", site.integration.host)


def _query(values: dict[str, str], version: str, where: ScmUrl) -> str:
    kind = "tag" if where.kind == scm_url.AZURE_TAG else "branch"
    named = {f"{version}.version": where.ref, f"{version}.versionType": kind} if where.ref else {}
    return urlencode({"api-version": _VERSION, **values, **named})
