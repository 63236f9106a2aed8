"""A Gitea, a Gerrit and an Azure DevOps, and the configurations with which their catalog files are found."""

import fnmatch
import json
import re
from typing import Any
from urllib.parse import unquote

from backstage_py.catalog.sources.git_hosts.azure_devops import AzureDevOpsProvider
from backstage_py.catalog.sources.git_hosts.gerrit import GerritProvider
from backstage_py.catalog.sources.git_hosts.gitea import GiteaProvider
from backstage_py.model.scm import ScmIntegration
from tests.directories.api_host import Answer, ApiHost, Asked
from tests.git_hosts.cases import TOKEN, Case, Kind

_PAGE = 2
_GITEA, _GERRIT, _AZURE = "gitea.example", "gerrit.example", "azure.example"
_REPOSITORIES = ["web", "api", "nofile", "empty", "last one"]


def gitea(host: ApiHost, asked: Asked) -> Answer:
    """Answer as Gitea does."""
    if asked.headers.get("authorization") != f"token {TOKEN}":
        return 401, {"message": "token is required"}
    path = unquote(asked.path)
    if path == "/api/v1/orgs/acme/repos":
        page = int(asked.query["page"])
        found = _REPOSITORIES[(page - 1) * _PAGE : page * _PAGE]
        return 200, [{"name": one, "html_url": f"{host.url}/acme/{one}", "empty": one == "empty"} for one in found]
    if path == "/api/v1/repos/acme/web":
        return 200, {"name": "web", "html_url": f"{host.url}/acme/web"}
    if found_one := re.fullmatch(r"/api/v1/repos/acme/([^/]+)/contents/(.+)", path):
        known = found_one[1] not in {"nofile", "empty"} and found_one[2] in {"catalog-info.yaml", "docs/entity.yaml"}
        return (200, {"type": "file"}) if known else (404, {"message": "GetContentsOrList"})
    return 404, {}


GITEA = Kind(
    name="gitea",
    module="@backstage/plugin-catalog-backend-module-gitea",
    providers=("GiteaEntityProvider",),
    integrations=lambda url: {"gitea": [{"host": _GITEA, "baseUrl": url, "password": TOKEN}]},
    integration=lambda url: [
        ScmIntegration("gitea", _GITEA, "", None, None, None, {"baseUrl": url, "password": TOKEN})
    ],
    world=gitea,
    make=GiteaProvider,
    defaults={"host": _GITEA, "organization": "acme"},
    cases=(
        Case("an organization", {}),
        Case("elsewhere", {"branch": "dev", "catalogPath": "docs/entity.yaml"}),
        Case("nowhere", {"catalogPath": "other.yaml"}),
    ),
)

_PROJECTS = {"acme/web": "refs/heads/main", "acme/api": "refs/heads/master", "tools": "refs/heads/main"}


def gerrit(_host: ApiHost, asked: Asked) -> Answer:
    """Answer as Gerrit does, with its guard before each JSON."""
    if asked.headers.get("authorization") != "Basic YWRhOnQwa2Vu":
        return 401, b"Unauthorized"
    if asked.path == "/a/projects/":
        found = {one: {"id": one} for one in _PROJECTS if one.startswith(asked.query.get("prefix", ""))}
        return 200, f")]}}'\n{json.dumps(found)}".encode(), {"Content-Type": "application/json"}
    if found_one := re.fullmatch(r"/a/projects/([^/]+)/HEAD", asked.path):
        return 200, f")]}}'\n{json.dumps(_PROJECTS[unquote(found_one[1])])}".encode()
    return 404, b"Not found"


def _gerrit(url: str) -> dict[str, Any]:
    return {"baseUrl": url, "gitilesBaseUrl": f"{url}/plugins/gitiles", "username": "ada", "password": TOKEN}


GERRIT = Kind(
    name="gerrit",
    module="@backstage/plugin-catalog-backend-module-gerrit",
    providers=("GerritEntityProvider",),
    integrations=lambda url: {"gerrit": [{"host": _GERRIT, **_gerrit(url)}]},
    integration=lambda url: [ScmIntegration("gerrit", _GERRIT, "", None, None, None, _gerrit(url))],
    world=gerrit,
    make=GerritProvider,
    defaults={"host": _GERRIT, "query": "state=ACTIVE&type=CODE"},
    cases=(
        Case("heads", {}),
        Case("a branch", {"branch": "dev", "catalogPath": "docs/entity.yaml", "query": "prefix=acme&state=ACTIVE"}),
    ),
)

_FOUND = [
    ("My Project", "web", "/catalog-info.yaml"),
    ("My Project", "api", "/x/catalog-info.yaml"),
    ("B", "c", "/é.yaml"),
]


def azure(_host: ApiHost, asked: Asked) -> Answer:
    """Answer as the code search of Azure DevOps does, a few files at a time."""
    if asked.headers.get("authorization") != "Basic OnQwa2Vu":
        return 401, {}
    if asked.method != "POST" or asked.path != "/contoso/_apis/search/codesearchresults":
        return 404, {}
    wanted = re.fullmatch(r"path:(.+) repo:(.+) proj:(.+)", asked.body["searchText"])
    assert wanted
    found = [one for one in _FOUND if fnmatch.fnmatch(one[0], wanted[3]) and fnmatch.fnmatch(one[1], wanted[2])]
    skipped = asked.body["$skip"]
    page = [
        {"path": path, "repository": {"name": name}, "project": {"name": project}}
        for project, name, path in found[skipped : skipped + _PAGE]
    ]
    return 200, {"count": len(found), "results": page}


AZURE = Kind(
    name="azureDevOps",
    module="",  # Backstage's is on no registry that could be reached; what is expected was read from its source
    providers=(),
    integrations=lambda _: {},
    integration=lambda url: [
        ScmIntegration("azure", _AZURE, "", url, None, None, {"credentials": [{"personalAccessToken": TOKEN}]})
    ],
    world=azure,
    make=AzureDevOpsProvider,
    defaults={"host": _AZURE, "organization": "contoso", "project": "*"},
    cases=(
        Case("an organization", {}),
        Case(
            "a project", {"project": "My Project", "repository": "w*", "branch": "dev/x", "path": "/catalog-info.yaml"}
        ),
    ),
)
