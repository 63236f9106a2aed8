"""What the page says to put into Argo CD's notifications, rendered by Go's templates as Argo CD does."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from backstage_py.model import times
from backstage_py.model.platform_event import PlatformEventType
from backstage_py.reporting.deliveries import told
from tests.golden_paths import toolchain

PAGE = Path(__file__).parents[2] / "docs/platform-metrics.md"
PROGRAM = """package main

import (
	"encoding/json"
	"os"
	"text/template"
)

func main() {
	var vars map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&vars); err != nil {
		panic(err)
	}
	body, err := os.ReadFile("body")
	if err != nil {
		panic(err)
	}
	if err := template.Must(template.New("platform").Parse(string(body))).Execute(os.Stdout, vars); err != nil {
		panic(err)
	}
}
"""


def application(phase: str) -> Any:
    """Return an Application with what its status has once a sync has ended."""
    labels = {"app.kubernetes.io/name": "shop", "environment": "production"}
    state = {"phase": phase, "startedAt": "2026-05-01T09:59:00Z", "finishedAt": "2026-05-01T10:00:00Z"}
    return {"app": {"metadata": {"name": "shop-production", "labels": labels}, "status": {"operationState": state}}}


@pytest.mark.thorough
def test_what_argocd_tells_is_an_event(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    [block] = [one for one in blocks if "argocd-notifications-cm" in one]
    known = yaml.safe_load(block)
    webhook = yaml.safe_load(known["template.platform"])["webhook"]["platform"]
    (tmp_path / "body").write_text(webhook["body"], encoding="utf-8")
    (tmp_path / "main.go").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "go.mod").write_text("module notify\n\ngo 1.22\n", encoding="utf-8")
    go = toolchain.found(tmp_path)
    go.run("build", "-o", "notify", ".")
    failed = PlatformEventType.DEPLOYMENT_FAILED
    outcomes = {"Succeeded": PlatformEventType.DEPLOYMENT_SUCCEEDED, "Failed": failed, "Error": failed}
    for phase, outcome in outcomes.items():
        done = subprocess.run(
            ["./notify"], cwd=tmp_path, input=json.dumps(application(phase)), capture_output=True, text=True, check=True
        )
        [event] = told.events("platform", json.loads(done.stdout))
        assert (event.type, times.iso(event.at)) == (outcome, "2026-05-01T10:00:00.000Z")
        assert (event.entity_ref, event.environment) == ("component:default/shop", "production")
    headers = {one["name"]: one["value"] for one in yaml.safe_load(known["service.webhook.platform"])["headers"]}
    assert headers["X-Platform-Webhook-Secret"] == "$platform-secret"
    conditions = [one["when"] for one in yaml.safe_load(known["trigger.platform"])]
    assert ["Succeeded" in one for one in conditions] == [False, True]
