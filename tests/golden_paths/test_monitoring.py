"""The alerts of a produced service fire when its objective is in danger; its dashboard is one that Grafana takes."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.cluster import waiting
from tests.cluster.reconcilers import analysis
from tests.golden_paths import burning, process, queries
from tests.golden_paths.burning import NAMESPACE, Burn
from tests.golden_paths.produced import NAME
from tests.monitoring.prometheus import promtool


def burnt(repository: Path, folder: Path, burns: Sequence[Burn], bound: str = "0.5", **slo: float) -> str:
    """Have promtool judge the rules by cases."""
    made = queries.groups(repository, **slo)
    alerts = [rule for group in made for rule in group["rules"] if "alert" in rule]
    (folder / "rules.yaml").write_text(json.dumps({"groups": made}), encoding="utf-8")
    cases = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{5 * burns[0].interval}m",
        "tests": [burn.case(alerts, bound) for burn in burns],
    }
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases), encoding="utf-8")
    return promtool("test", "rules", "cases.yaml", cwd=folder)


def test_promtool_takes_the_rules(delivered: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": queries.groups(delivered)}), encoding="utf-8")
    assert "19 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml", cwd=tmp_path)


def test_the_budgets_alerts_fire_by_how_fast_it_burns(delivered: Path, tmp_path: Path) -> None:
    assert "SUCCESS" in burnt(delivered, tmp_path, burning.QUICK)


@pytest.mark.thorough
def test_a_slow_burn_makes_a_ticket(delivered: Path, tmp_path: Path) -> None:
    assert "SUCCESS" in burnt(delivered, tmp_path, burning.SLOW)


@pytest.mark.parametrize("bound", ["1", "1.0"])
def test_a_bound_is_found_however_a_library_writes_it(delivered: Path, tmp_path: Path, bound: str) -> None:
    burns = [Burn("slow", 120, (("LatencyBudgetBurn", "page"), ("LatencyBudgetBurn", "ticket")), slow=0.2)]
    assert "SUCCESS" in burnt(delivered, tmp_path, burns, bound, latencySeconds=1)


def test_a_wrong_expectation_is_refused(delivered: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="FAILED"):
        burnt(delivered, tmp_path, [Burn("all is well", 120, (("ErrorBudgetBurn", "page"),))])


def test_a_service_that_is_gone_is_noticed(delivered: Path, tmp_path: Path) -> None:
    made = queries.groups(delivered)
    rule = next(one for group in made for one in group["rules"] if one.get("alert") == "ServiceDown")
    assert rule["labels"]["namespace"] == NAMESPACE
    fires = [{"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": made}), encoding="utf-8")
    target = f'namespace="{NAMESPACE}",job="{NAME}"'
    case = {
        "interval": "1m",
        "input_series": [
            {"series": f'up{{{target},pod="a"}}', "values": "1x10 0x20"},
            {"series": f'up{{{target},pod="b"}}', "values": "0x15 1x2 0x20"},
        ],
        "alert_rule_test": [
            {"eval_time": "10m", "alertname": "ServiceDown", "exp_alerts": []},
            {"eval_time": "16m", "alertname": "ServiceDown", "exp_alerts": []},
            {"eval_time": "28m", "alertname": "ServiceDown", "exp_alerts": fires},
        ],
    }
    cases = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(cases), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", "cases.yaml", cwd=tmp_path)


def test_each_alert_leads_to_its_paragraph(repository: Path) -> None:
    titles = {
        line.removeprefix("## ").lower()
        for line in (repository / "docs/runbook.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    }
    for rule in (rule for group in queries.groups(repository) for rule in group["rules"] if "alert" in rule):
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == f"https://github.com/org/{NAME}/blob/main/docs/runbook.md"
        assert anchor in titles


def test_grafana_knows_all_that_the_dashboard_says(delivered: Path) -> None:
    plugins.register_default_plugins()
    made = queries.dashboard(delivered)
    understood = json.loads(JSONEncoder(sort_keys=True, indent=2).encode(Dashboard.from_json(made)))
    assert list(_lost(made, understood, "")) == []
    assert len(made["uid"]) <= 40
    assert NAMESPACE in made["title"]
    panels = made["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"
    assert max(x for x, _ in cells) < 24


def _lost(made: Any, understood: Any, where: str) -> Iterator[str]:
    """What Grafana's own types do not have a place for."""
    if isinstance(made, dict) and isinstance(understood, dict):
        for key, value in made.items():
            if key in understood:
                yield from _lost(value, understood[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}"
    elif isinstance(made, list) and isinstance(understood, list) and len(made) == len(understood):
        for index, (one, other) in enumerate(zip(made, understood, strict=True)):
            yield from _lost(one, other, f"{where}[{index}]")
    elif made != understood:
        yield f"{where}: {made!r} is {understood!r}"


def test_promtool_takes_what_is_asked(delivered: Path, tmp_path: Path) -> None:
    plain = [text.replace("$__rate_interval", "5m") for text in queries.asked(delivered)]
    rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(plain)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", "rules.yaml", cwd=tmp_path)


CANARIES: dict[str, tuple[dict[str, str], str, str]] = {  # requests, and the verdicts: by default, with a minimum
    "nobody calls": ({}, "Successful", "Inconclusive"),
    "nobody calls any more": ({"200": "90+0x9"}, "Successful", "Inconclusive"),
    "hardly anybody calls": ({"500": "0+5x9"}, "Failed", "Inconclusive"),
    "all is well": ({"200": "0+90x9"}, "Successful", "Successful"),
    "some fail": ({"200": "0+80x9", "500": "0+20x9"}, "Failed", "Failed"),
}


def test_a_canary_is_judged_by_its_requests(delivered: Path, tmp_path: Path) -> None:
    series: dict[str, str] = {}
    metrics: list[dict[str, Any]] = []
    for pods, (requests, *_) in CANARIES.items():
        target = f'namespace="{NAMESPACE}",job="{NAME}",rollouts_pod_template_hash="{pods}"'
        series |= {f'http_requests_total{{{target},code="{code}"}}': values for code, values in requests.items()}
    for minimum in (0, 30):
        rollout = {"enabled": True, "analysis": {"minRequests": minimum}}
        metrics += queries.objects(delivered, {"rollout": rollout})["AnalysisTemplate"]["spec"]["metrics"]
    asked = [(metric, pods) for pods in CANARIES for metric in metrics]
    found = evaluated([_query(*one) for one in asked], series, tmp_path)
    judged = [analysis.verdict(metric, {"spec": {}}, one) for (metric, _), one in zip(asked, found, strict=True)]
    assert judged == [verdict for _, *verdicts in CANARIES.values() for verdict in verdicts]


def _query(metric: dict[str, Any], pods: str) -> str:
    return str(metric["provider"]["prometheus"]["query"]).replace("{{args.pods}}", pods)


def evaluated(asked: Sequence[str], series: dict[str, str], folder: Path) -> list[list[float]]:
    """Return what Prometheus answers after nine minutes; promtool says it, since it is not what was expected."""
    expected = {"eval_time": "9m", "exp_samples": [{"labels": "{}", "value": -1}]}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": query, **expected} for query in asked],
    }
    (folder / "cases.yaml").write_text(yaml.safe_dump({"tests": [test]}), encoding="utf-8")
    with pytest.raises(AssertionError) as said:
        promtool("test", "rules", "cases.yaml", cwd=folder)
    told = re.findall(r"^ *got:(.*)", str(said.value), re.MULTILINE)
    return [[float(number) for number in re.findall(r"\S+E[-+]\d+|NaN", one)] for one in told]


@pytest.mark.go
@pytest.mark.thorough
def test_what_is_asked_is_what_the_go_service_exports(go_program: Path, delivered: Path) -> None:
    with process.running(go_program) as service:
        assert service.get("/").status == 200
        waiting.until(lambda: "http_requests_total{" in service.get("/metrics").body, "the request is counted")
        assert queries.unmet(delivered, service.get("/metrics").body) == []


def test_a_query_for_what_nobody_exports_is_found(delivered: Path) -> None:
    unmet = queries.unmet(delivered, "# TYPE service_info gauge\nservice_info 1\n")
    assert "http_requests_total is not exported" in unmet
    assert "http_requests_in_flight is not exported" in unmet
