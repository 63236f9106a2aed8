"""Dry runs of templates for each kind of host are answered as Backstage answers them.

What a backend with the modules of all hosts answered was recorded by ``tests.anchor.record_dry_runs``.
"""

from pathlib import Path
from typing import Any

from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin import Services, load_actions
from tests.forges import differences, dry_runs
from tests.http.scaffolder_site import post, site
from tests.scaffolder.harness import world

_OURS = {action.id for action in load_actions()}
RECORDED = {
    one["name"]: one["answer"]
    for one in differences.table("dry-runs")
    if {step["action"] for step in dry_runs.TEMPLATES[one["name"]]} <= _OURS
}


def services() -> Services:
    read = [
        ScmIntegration(kind, one["host"], "", one.get("apiBaseUrl"), None, one.get("token"), one)
        for kind, hosts in dry_runs.INTEGRATIONS.items()
        for one in hosts
    ]
    return Services(integrations=ScmRegistry(read), config={"integrations": dry_runs.INTEGRATIONS})


async def test_dry_runs_are_answered_as_backstage_answers_them(tmp_path: Path) -> None:
    async with world(tmp_path, *load_actions(), services=services(), start=False) as w:
        app = site(w)
        answers = {name: (await post(app, "/v2/dry-run", dry_runs.body(name))).json for name in RECORDED}
    assert {name.partition("-")[0] for name in answers} >= {"bitbucket", "gerrit", "gitea", "github", "gitlab"}
    assert {name: _comparable(answer) for name, answer in answers.items()} == {
        name: _comparable(answer) for name, answer in RECORDED.items()
    }


def _comparable(answer: Any) -> Any:
    plain = dry_runs.plain(answer)
    return {"error": plain["error"]} if "error" in plain else plain
