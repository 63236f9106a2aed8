"""Write what a real Backstage answers to dry runs for git hosts: ``python -m tests.anchor.record_dry_runs``."""

import json
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.anchor import harness
from tests.contract.harness import free_port
from tests.forges import differences, dry_runs

_MODULES = ("azure", "bitbucket-cloud", "bitbucket-server", "gerrit", "gitea", "github", "gitlab")


def _answer(url: str, token: str, name: str) -> Any:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    sent = urllib.request.Request(url, json.dumps(dry_runs.body(name)).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(sent, timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return {"error": json.loads(refused.read())["error"]}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        config = folder / "app-config.yaml"
        said = {
            "app": {"baseUrl": "http://localhost:3000"},
            "backend": {
                "baseUrl": f"http://localhost:{port}",
                "listen": {"host": "127.0.0.1", "port": port},
                "workingDirectory": name,
            },
            "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
            "integrations": dry_runs.INTEGRATIONS,
        }
        config.write_text(yaml.safe_dump(said))
        plugins = (*harness.PLUGINS, *(f"scaffolder-backend-module-{module}" for module in _MODULES))
        with harness.backstage(folder, config, plugins=plugins) as wait:
            url = f"http://localhost:{port}"
            token = wait(url)
            path = f"{url}/api/scaffolder/v2/dry-run"
            found = {name: dry_runs.plain(_answer(path, token, name)) for name in dry_runs.TEMPLATES}
    differences.write("dry-runs", [{"name": name, "answer": answer} for name, answer in found.items()])
    sys.stdout.write(f"{len(found)} dry runs\n")


if __name__ == "__main__":
    main()
