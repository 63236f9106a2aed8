"""What a run with ``--sandbox`` may reach: its own git host, and nothing of what the configuration names."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app
from tests.forges import gitlab_host
from tests.integrations import web_host

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  steps:
    - id: publish
      action: publish:gitlab
      input: {repoUrl: gitlab.com?owner=acme&repo=shop}
  output:
    links: [{title: Repository, url: "${{ steps.publish.output.remoteUrl }}"}]
"""


async def test_nothing_goes_from_the_sandbox_to_a_real_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    async with gitlab_host.serve(tmp_path / "host") as gitlab:
        gitlab.add_group("acme")
        entry = {"host": "gitlab.com", "apiBaseUrl": f"{gitlab.base.url}/api/v4", "token": gitlab.base.token}
        (tmp_path / "app-config.yaml").write_text(json.dumps({"integrations": {"gitlab": [entry]}}))
        arguments = ["dry-run", ".", "--sandbox", "-c", "app-config.yaml"]

        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)

        assert result.exit_code == 0, result.stdout
        assert "publish:gitlab is not run here: the sandbox stands in for GitHub alone" in result.stdout
        assert gitlab.base.asked == []


async def test_every_github_of_the_configuration_is_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.yaml").write_text(
        TEMPLATE.replace("publish:gitlab", "publish:github").replace("gitlab", "ghe")
    )
    async with web_host.serve() as ghe:
        entry = {"host": "ghe.com", "apiBaseUrl": f"{ghe.url}/api/v3", "token": "secret"}
        (tmp_path / "app-config.yaml").write_text(json.dumps({"integrations": {"github": [entry]}}))
        arguments = ["dry-run", ".", "--sandbox", "-c", "app-config.yaml"]

        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)

        assert result.exit_code == 0, result.stdout
        assert "/acme/shop" in result.stdout
        assert ghe.requests == []
