"""The part of Azure DevOps' API that Backstage's modules and this project use, in memory, over real repositories.

Shapes and refusals follow Microsoft's documentation of API version 7.1. The official client asks first which
resources there are (``OPTIONS``); those requests are answered, and not kept.
"""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py.sandbox.gitrepo import refs
from tests.forges import stand_in
from tests.forges.stand_in import Adding, Answer, Asked, RefusalError, Route, StandIn

PREFIX = re.compile(r"/(?=[^?]*/_apis/)")
_PROJECT = "/:organization/:project/_apis"
_REPOSITORY = f"{_PROJECT}/git/repositories/:name"
_LOCATIONS = {
    "Location": [("e81700f7-3be2-46de-8624-2eb35882fcaa", "ResourceAreas", "_apis/{resource}/{areaId}")],
    "git": [
        (
            "225f7195-f9c7-4d14-ab28-a83f7ff77e1f",
            "repositories",
            "{project}/_apis/{area}/{resource}/{repositoryId}",
        ),
        (
            "9946fd70-0d40-406e-b686-b4744cbbcc37",
            "pullrequests",
            "{project}/_apis/{area}/repositories/{repositoryId}/{resource}/{pullRequestId}",
        ),
    ],
    "build": [
        ("dbeaf647-6167-421a-bda9-c9327b25e2e6", "definitions", "{project}/_apis/{area}/{resource}/{definitionId}")
    ],
    "pipelines": [
        ("7859261e-d2e9-4a68-b820-a5d84cc5bb3d", "runs", "{project}/_apis/{area}/{pipelineId}/{resource}/{runId}")
    ],
    "core": [("603fe2ac-9723-48b9-88ad-09305aa6c6e1", "projects", "_apis/{resource}/{*projectId}")],
    "wit": [("72c7ddf8-2cdc-4f60-90cd-ab71c14a399b", "workitems", "{project}/_apis/{area}/{resource}/{id}")],
}


@dataclass
class Azure:
    """Projects, repositories and what belongs to them; ids are given in order."""

    base: StandIn
    projects: dict[str, str] = field(default_factory=dict)
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    things: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add_project(self, name: str) -> None:
        self.projects[name] = f"project-{len(self.projects) + 1}"

    async def add(
        self, organization: str, project: str, name: str, *, files: Any = None, branch: str = "main"
    ) -> dict[str, Any]:
        full = f"{organization}/{project}/{name}"
        if self.base.find(full) is None:
            await self.base.repository(full, branch=branch, files=files)
        url = f"{self.base.url}/{organization}/{project}/_git/{name}"
        self.repositories[full] = {
            "id": f"repository-{len(self.repositories) + 1}",
            "name": name,
            "project": {"id": self.projects.get(project, "?"), "name": project},
            "remoteUrl": url.replace("://", "://ada@"),
            "webUrl": url,
        }
        return self.repositories[full]

    def known(self, kind: str) -> list[dict[str, Any]]:
        return self.things.setdefault(kind, [])

    def repository(self, organization: str, project: str, name: str) -> tuple[str, dict[str, Any]]:
        names = {number: one for one, number in self.projects.items()}
        for full, one in self.repositories.items():
            is_in = full.startswith(f"{organization}/{names.get(project, project)}/")
            if is_in and name in {one["id"], one["name"]} and self.base.find(full):
                return full, one
        said = (
            f"TF401019: The Git repository with name or identifier {name} does not exist or you do not have permission"
        )
        raise refusal(404, said, "GitRepositoryNotFoundException")


def refusal(status: int, message: str, kind: str) -> RefusalError:
    return RefusalError(status, {"$id": "1", "message": message, "typeKey": kind, "errorCode": 0, "eventId": 3000})


def guard(base: StandIn, asked: Asked) -> None:
    """Take any token: ``expired`` leads to the page for signing in, and ``weak`` may only read."""
    if asked.method == "OPTIONS" or asked.path[-1] == "ResourceAreas":
        base.asked.remove(asked)
        return
    scheme, _, given = asked.headers.get("authorization", "").partition(" ")
    secret = base64.b64decode(given).decode().partition(":")[2] if scheme == "Basic" else given
    if not secret or secret == "expired":
        raise RefusalError(203, "<html>Sign in</html>")
    if secret == "weak" and asked.method != "GET":
        raise refusal(403, "TF401027: You need the Git 'GenericContribute' permission", "GitNeedsPermissionException")


def routes(azure: Azure) -> list[Route]:
    found: list[Route] = []
    on = stand_in.adding(found)
    _locations(on)
    _repositories(azure, on)
    _requests(azure, on)
    _pipelines(azure, on)
    _things(azure, on)
    return found


def _locations(on: Adding) -> None:
    @on("OPTIONS", "/:organization/_apis/:area")
    async def locations(asked: Asked, organization: str, area: str) -> Answer:
        versions = {"minVersion": 1.0, "maxVersion": 7.2, "releasedVersion": "7.1", "resourceVersion": 7}
        listed = [
            {"id": one, "area": area, "resourceName": name, "routeTemplate": template, **versions}
            for one, name, template in _LOCATIONS[area]
        ]
        return 200, {"count": len(listed), "value": listed}

    @on("GET", "/:organization/_apis/ResourceAreas")
    async def areas(asked: Asked, organization: str) -> Answer:
        return 200, {"count": 0, "value": None}

    @on("GET", "/:organization/_apis/ResourceAreas/")
    async def all_areas(asked: Asked, organization: str) -> Answer:
        return 200, {"count": 0, "value": None}


def _repositories(azure: Azure, on: Adding) -> None:
    @on("POST", f"{_PROJECT}/git/repositories")
    async def create(asked: Asked, organization: str, project: str) -> Answer:
        name = asked.body["name"]
        if project not in azure.projects:
            said = f"TF200016: The following project does not exist: {project}."
            raise refusal(404, said, "ProjectDoesNotExistWithNameException")
        if azure.base.find(f"{organization}/{project}/{name}"):
            said = f"TF400948: A Git repository with the name {name} already exists."
            raise refusal(409, said, "GitRepositoryNameAlreadyExistsException")
        return 201, await azure.add(organization, project, name)

    @on("GET", _REPOSITORY)
    async def show(asked: Asked, organization: str, project: str, name: str) -> Answer:
        return 200, azure.repository(organization, project, name)[1]

    @on("GET", "/:organization/_apis/projects/:name")
    async def show_project(asked: Asked, organization: str, name: str) -> Answer:
        if name not in azure.projects:
            said = f"TF200016: The following project does not exist: {name}."
            raise refusal(404, said, "ProjectDoesNotExistWithNameException")
        return 200, {"id": azure.projects[name], "name": name}


def _requests(azure: Azure, on: Adding) -> None:
    here = f"{_REPOSITORY}/pullrequests"

    @on("POST", here)
    async def open_request(asked: Asked, organization: str, project: str, name: str) -> Answer:
        full, repository = azure.repository(organization, project, name)
        source, target = asked.body["sourceRefName"], asked.body["targetRefName"]
        bare, known = azure.base.bare(full), azure.known(f"requests {full}")
        commit = await refs.commit_of(bare, source)
        for ref in (source, target):
            if await refs.commit_of(bare, ref) is None:
                said = f"TF401398: The pull request cannot be activated because the ref {ref} does not exist."
                raise refusal(409, said, "GitPullRequestCannotBeActivated")
        if any((one["sourceRefName"], one["targetRefName"]) == (source, target) for one in known):
            said = "TF401179: An active pull request for the source and target branch already exists."
            raise refusal(409, said, "GitPullRequestExistsException")
        number = len(known) + 1
        known.append(
            {
                **asked.body,
                "pullRequestId": number,
                "status": "active",
                "createdBy": {"id": "ada-id"},
                "lastMergeSourceCommit": {"commitId": commit},
                "artifactId": f"vstfs:///Git/PullRequestId/{repository['id']}%2F{number}",
            }
        )
        return 201, known[-1]

    @on("GET", here)
    async def requests(asked: Asked, organization: str, project: str, name: str) -> Answer:
        full, _ = azure.repository(organization, project, name)
        source = asked.query["searchCriteria.sourceRefName"]
        kept = [one for one in azure.known(f"requests {full}") if one["sourceRefName"] == source]
        return 200, {"count": len(kept), "value": kept}

    @on("GET", f"{here}/:number")
    async def show(asked: Asked, organization: str, project: str, name: str, number: str) -> Answer:
        full, _ = azure.repository(organization, project, name)
        return 200, azure.known(f"requests {full}")[int(number) - 1]

    @on("PATCH", f"{here}/:number")
    async def edit(asked: Asked, organization: str, project: str, name: str, number: str) -> Answer:
        full, _ = azure.repository(organization, project, name)
        azure.known(f"requests {full}")[int(number) - 1].update(asked.body)
        return 200, azure.known(f"requests {full}")[int(number) - 1]


def _pipelines(azure: Azure, on: Adding) -> None:
    @on("POST", f"{_PROJECT}/build/definitions")
    async def create(asked: Asked, organization: str, project: str) -> Answer:
        known = azure.known(f"pipelines {project}")
        if any((one["name"], one["path"]) == (asked.body["name"], asked.body["path"]) for one in known):
            said = f"Definition {asked.body['name']} already exists for folder {asked.body['path']}."
            raise refusal(409, said, "DefinitionExistsException")
        number = len(known) + 1
        page = f"{azure.base.url}/{organization}/{project}/_build/definition?definitionId={number}"
        known.append({**asked.body, "id": number, "_links": {"web": {"href": page}}})
        return 200, known[-1]

    @on("GET", f"{_PROJECT}/build/definitions")
    async def definitions(asked: Asked, organization: str, project: str) -> Answer:
        kept = [one for one in azure.known(f"pipelines {project}") if one["name"] == asked.query.get("name")]
        return 200, {"count": len(kept), "value": kept}

    @on("POST", f"{_PROJECT}/pipelines/:pipeline/runs")
    async def run(asked: Asked, organization: str, project: str, pipeline: str) -> Answer:
        if pipeline == "404":
            raise refusal(404, "Pipeline 404 not found.", "PipelineDoesNotExistException")
        known = azure.known("runs")
        number = len(known) + 1
        page = f"{azure.base.url}/{organization}/{project}/_build/results?buildId={number}"
        looks = ["inProgress", "inProgress", "completed"]
        known.append({**asked.body, "id": number, "looks": looks, "pipeline": pipeline, "page": page})
        return 200, {"id": number, "state": "inProgress", "_links": {"web": {"href": page}}}

    @on("GET", f"{_PROJECT}/pipelines/:pipeline/runs/:number")
    async def show_run(asked: Asked, organization: str, project: str, pipeline: str, number: str) -> Answer:
        found = azure.known("runs")[int(number) - 1]
        state = found["looks"].pop(0) if len(found["looks"]) > 1 else found["looks"][0]
        ended = {"succeeded": "succeeded", "7": "failed"}.get(pipeline, "succeeded")
        result = {"result": ended, "variables": {"V": {"value": "1"}}} if state == "completed" else {}
        return 200, {"id": found["id"], "state": state, "_links": {"web": {"href": found["page"]}}, **result}

    @on("PATCH", f"{_PROJECT}/pipelines/pipelinepermissions/:kind/:resource")
    async def permit(asked: Asked, organization: str, project: str, kind: str, resource: str) -> Answer:
        if resource == "none":
            raise refusal(404, f"A resource {resource} of type {kind} is not there.", "ResourceNotFoundException")
        azure.known("permissions").append({"kind": kind, "resource": resource, **asked.body})
        return 200, {"pipelines": asked.body["pipelines"], "resource": {"type": kind, "id": resource}}


def _things(azure: Azure, on: Adding) -> None:
    @on("PATCH", f"{_PROJECT}/wit/workitems/:number")
    async def edit_item(asked: Asked, organization: str, project: str, number: str) -> Answer:
        known = azure.known(f"relations {number}")
        if any(one["url"] == asked.body[0]["value"]["url"] for one in known):
            raise refusal(400, "Relation already exists.", "WorkItemResourceLinkException")
        known.append(asked.body[0]["value"])
        return 200, {"id": int(number), "relations": known}

    @on("GET", f"{_PROJECT}/wit/workitems/:number")
    async def item(asked: Asked, organization: str, project: str, number: str) -> Answer:
        return 200, {"id": int(number), "relations": azure.known(f"relations {number}")}

    @on("GET", f"{_PROJECT}/policy/configurations")
    async def policies(asked: Asked, organization: str, project: str) -> Answer:
        return 200, {"value": azure.known("policies")}

    @on("POST", f"{_PROJECT}/policy/configurations")
    async def policy(asked: Asked, organization: str, project: str) -> Answer:
        azure.known("policies").append(asked.body)
        return 200, asked.body

    @on("GET", "/:organization/_apis/hooks/subscriptions")
    async def hooks(asked: Asked, organization: str) -> Answer:
        return 200, {"value": azure.known("hooks")}

    @on("POST", "/:organization/_apis/hooks/subscriptions")
    async def hook(asked: Asked, organization: str) -> Answer:
        azure.known("hooks").append({**asked.body, "id": f"hook-{len(azure.known('hooks')) + 1}"})
        return 200, azure.known("hooks")[-1]


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Azure]:
    """An Azure DevOps whose token is known."""
    kept: list[Azure] = []

    def made(base: StandIn) -> list[Route]:
        kept.append(Azure(base))
        return routes(kept[0])

    async with stand_in.serve(root, PREFIX, made, guard, token=token, port=port):
        yield kept[0]
