"""Templates as people publish them for each kind of host, and their dry runs in a form in which two can be compared."""

import base64
import re
from typing import Any

INTEGRATIONS: dict[str, Any] = {
    "github": [{"host": "github.com", "token": "t"}],
    "gitlab": [{"host": "gitlab.com", "token": "t", "apiBaseUrl": "https://gitlab.com/api/v4"}],
    "gitea": [{"host": "gitea.com", "username": "u", "password": "p"}],
    "gerrit": [{"host": "gerrit.com", "gitilesBaseUrl": "https://gerrit.com/plugins/gitiles", "username": "u"}],
    "bitbucketCloud": [{"host": "bitbucket.org", "username": "u", "appPassword": "p"}],
    "bitbucketServer": [{"host": "bb.corp", "token": "t", "apiBaseUrl": "https://bb.corp/rest/api/1.0"}],
    "azure": [{"host": "dev.azure.com", "credentials": [{"personalAccessToken": "t"}]}],
}
VALUES = {"name": "shop", "owner": "team-a", "description": "The shop"}
FILES = {
    "skeleton/catalog-info.yaml": "kind: Component\nmetadata: {name: ${{ values.name }}}\n",
    "skeleton/src/${{ values.name }}.go": "package main\n",
    "skeleton/logo.bin": "\x00\x01",
}
_NOW = re.compile(r'[^\s"]*/dry-run-[0-9a-f-]{36}')
_ARGUMENTS = re.compile(r"(Dry run)(?: arguments: |: would ).*")


def _publish(action: str, repo_url: str, **more: Any) -> dict[str, Any]:
    return {"id": "publish", "name": "Publish", "action": action, "input": {"repoUrl": repo_url, **more}}


def _steps(*more: dict[str, Any]) -> list[dict[str, Any]]:
    names = {"name": "${{ parameters.name }}", "owner": "${{ parameters.owner }}"}
    given = {"url": "./skeleton", "values": names}
    fetch = {"id": "fetch", "name": "Fetch", "action": "fetch:template", "input": given}
    register = {
        "id": "register",
        "name": "Register",
        "if": "${{ steps.publish.output.repoContentsUrl }}",
        "action": "catalog:register",
        "input": {
            "repoContentsUrl": "${{ steps.publish.output.repoContentsUrl }}",
            "catalogInfoPath": "/catalog-info.yaml",
        },
    }
    return [fetch, *more, register]


_GITLAB = "gitlab.com?owner=acme&repo=${{ parameters.name }}"
_CLOUD = "bitbucket.org?workspace=w&project=P&repo=${{ parameters.name }}"
_SERVER = "bb.corp?project=P&repo=${{ parameters.name }}"
_GITHUB = "github.com?owner=acme&repo=${{ parameters.name }}"
_GITEA = "gitea.com?owner=acme&repo=${{ parameters.name }}"
_AZURE = "dev.azure.com?organization=o&project=p&repo=${{ parameters.name }}"
_GERRIT = "gerrit.com?workspace=parent&owner=acme&repo=${{ parameters.name }}"

TEMPLATES: dict[str, list[dict[str, Any]]] = {
    "gitlab": _steps(
        {
            "id": "group",
            "name": "Group",
            "action": "gitlab:group:ensureExists",
            "input": {"repoUrl": "gitlab.com", "path": ["acme", "${{ parameters.owner }}"]},
        },
        _publish("publish:gitlab", _GITLAB, repoVisibility="internal", defaultBranch="main", topics=["golden-path"]),
        {
            "id": "variable",
            "name": "Variable",
            "action": "gitlab:projectVariable:create",
            "input": {
                "repoUrl": _GITLAB,
                "projectId": "${{ steps.publish.output.projectId }}",
                "key": "TOKEN",
                "value": "${{ secrets.token }}",
                "variableType": "env_var",
            },
        },
        {
            "id": "issue",
            "name": "Issue",
            "action": "gitlab:issues:create",
            "input": {"repoUrl": _GITLAB, "projectId": 12, "title": "Review ${{ parameters.name }}"},
        },
        {
            "id": "pipeline",
            "name": "Pipeline",
            "action": "gitlab:pipeline:trigger",
            "input": {"repoUrl": _GITLAB, "projectId": 12, "tokenDescription": "d", "branch": "main"},
        },
    ),
    "gitlab-request": _steps(
        _publish(
            "publish:gitlab:merge-request",
            _GITLAB,
            branchName="add-${{ parameters.name }}",
            title="Add ${{ parameters.name }}",
            description="${{ parameters.description }}",
            removeSourceBranch=True,
        ),
        {
            "id": "push",
            "name": "Push",
            "action": "gitlab:repo:push",
            "input": {"repoUrl": _GITLAB, "branchName": "main", "commitMessage": "Add"},
        },
        {"id": "user", "name": "User", "action": "gitlab:user:info", "input": {"repoUrl": "gitlab.com"}},
    ),
    "gitea": _steps(_publish("publish:gitea", _GITEA, description="${{ parameters.name }}")),
    "gerrit": _steps(_publish("publish:gerrit", _GERRIT, defaultBranch="main", sourcePath="src")),
    "gerrit-without-parent": _steps(_publish("publish:gerrit", "gerrit.com?repo=${{ parameters.name }}")),
    "gerrit-review": _steps(_publish("publish:gerrit:review", _GERRIT, gitCommitMessage="Add ${{ parameters.name }}")),
    "bitbucket-cloud": _steps(
        _publish("publish:bitbucketCloud", _CLOUD, description="${{ parameters.name }}", repoVisibility="public"),
        {
            "id": "pipelines",
            "name": "Pipelines",
            "action": "bitbucket:pipelines:run",
            "input": {"workspace": "w", "repo_slug": "${{ parameters.name }}"},
        },
        {
            "id": "rule",
            "name": "Rule",
            "action": "bitbucketCloud:branchRestriction:create",
            "input": {"repoUrl": _CLOUD, "kind": "push"},
        },
    ),
    "bitbucket-server": _steps(
        _publish("publish:bitbucketServer", _SERVER, enableLFS=True),
        {
            "id": "request",
            "name": "Request",
            "action": "publish:bitbucketServer:pull-request",
            "input": {"repoUrl": _SERVER, "title": "Add", "sourceBranch": "add"},
        },
    ),
    "azure": _steps(_publish("publish:azure", _AZURE, defaultBranch="main")),
    "github": _steps(
        _publish(
            "publish:github",
            _GITHUB,
            allowedHosts=["github.com"],
            description="This is ${{ parameters.name }}",
            protectDefaultBranch=False,
        ),
        {
            "id": "request",
            "name": "Request",
            "action": "publish:github:pull-request",
            "input": {
                "repoUrl": _GITHUB,
                "branchName": "b",
                "title": "T ${{ parameters.name }}",
                "description": "${{ parameters.description }}",
            },
        },
        {
            "id": "dispatch",
            "name": "Dispatch",
            "action": "github:actions:dispatch",
            "input": {"repoUrl": _GITHUB, "workflowId": "ci.yaml", "branchOrTagName": "main"},
        },
        {
            "id": "environment",
            "name": "Environment",
            "action": "github:environment:create",
            "input": {"repoUrl": _GITHUB, "name": "prod"},
        },
        {
            "id": "webhook",
            "name": "Webhook",
            "action": "github:webhook",
            "input": {"repoUrl": _GITHUB, "webhookUrl": "https://ci.test/x", "webhookSecret": "${{ secrets.token }}"},
        },
    ),
}


def body(name: str) -> dict[str, Any]:
    """The request of a template's dry run."""
    links = [
        {"title": "Repository", "url": "${{ steps.publish.output.remoteUrl }}"},
        {"title": "Catalog", "icon": "catalog", "entityRef": "${{ steps.register.output.entityRef }}"},
    ]
    text = {name: {"type": "string"} for name in VALUES}
    return {
        "template": {
            "apiVersion": "scaffolder.backstage.io/v1beta3",
            "kind": "Template",
            "metadata": {"name": name},
            "spec": {
                "owner": "team-a",
                "type": "service",
                "parameters": [{"title": "About", "required": ["name"], "properties": text}],
                "steps": TEMPLATES[name],
                "output": {"links": links},
            },
        },
        "values": VALUES,
        "secrets": {"token": "topsecret"},
        "directoryContents": [
            {"path": path, "base64Content": base64.b64encode(content.encode("latin-1")).decode()}
            for path, content in FILES.items()
        ],
    }


def plain(value: Any) -> Any:
    """An answer without the workspace's place and without how Gerrit's dry run writes what it was given."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return _ARGUMENTS.sub(r"\1", _NOW.sub("<workspace>", value)) if isinstance(value, str) else value
