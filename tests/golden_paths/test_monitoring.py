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
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster import waiting
from tests.deploy import rendering
from tests.golden_paths import burning, process
from tests.golden_paths.burning import NAMESPACE, Burn
from tests.golden_paths.produced import NAME
from tests.monitoring.prometheus import promtool

OF_TARGETS = {"namespace", "job", "pod", "le", "rollouts_pod_template_hash"}
"""Labels that Prometheus puts on what it scrapes through the ServiceMonitor."""
OF_PROMETHEUS = {"up", "job:http_requests:error_ratio_rate", "job:http_requests:slow_ratio_rate"}
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*?)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPING = re.compile(r"\bby\s*\((.*?)\)")


def objects(repository: Path, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    on = {"enabled": True}
    given = {"prometheusRule": on, "dashboard": on, "rollout": on, **values}
    made = rendering.rendered(given, chart=repository / "chart", name=NAME, namespace=NAMESPACE)
    return {one["kind"]: one for one in made}


def groups(repository: Path, **slo: float) -> list[dict[str, Any]]:
    rule = objects(repository, {"prometheusRule": {"enabled": True, "slo": slo}})["PrometheusRule"]
    found: list[dict[str, Any]] = rule["spec"]["groups"]
    return found


def dashboard(repository: Path) -> dict[str, Any]:
    (text,) = objects(repository, {})["ConfigMap"]["data"].values()
    found: dict[str, Any] = json.loads(text)
    return found


def burnt(repository: Path, folder: Path, burns: Sequence[Burn], bound: str = "0.5", **slo: float) -> str:
    """Have promtool judge the rules by cases."""
    made = groups(repository, **slo)
    alerts = [rule for group in made for rule in group["rules"] if "alert" in rule]
    (folder / "rules.yaml").write_text(json.dumps({"groups": made}), encoding="utf-8")
    cases = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{5 * burns[0].interval}m",
        "tests": [burn.case(alerts, bound) for burn in burns],
    }
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases), encoding="utf-8")
    return promtool("test", "rules", "cases.yaml", cwd=folder)


def test_promtool_takes_the_rules(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": groups(repository)}), encoding="utf-8")
    assert "19 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml", cwd=tmp_path)


def test_the_budgets_alerts_fire_by_how_fast_it_burns(repository: Path, tmp_path: Path) -> None:
    assert "SUCCESS" in burnt(repository, tmp_path, burning.QUICK)


@pytest.mark.thorough
def test_a_slow_burn_makes_a_ticket(repository: Path, tmp_path: Path) -> None:
    assert "SUCCESS" in burnt(repository, tmp_path, burning.SLOW)


@pytest.mark.parametrize("bound", ["1", "1.0"])
def test_a_bound_is_found_however_a_library_writes_it(repository: Path, tmp_path: Path, bound: str) -> None:
    burns = [Burn("slow", 120, (("LatencyBudgetBurn", "page"), ("LatencyBudgetBurn", "ticket")), slow=0.2)]
    assert "SUCCESS" in burnt(repository, tmp_path, burns, bound, latencySeconds=1)


def test_a_wrong_expectation_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="FAILED"):
        burnt(repository, tmp_path, [Burn("all is well", 120, (("ErrorBudgetBurn", "page"),))])


def test_a_service_that_is_gone_is_noticed(repository: Path, tmp_path: Path) -> None:
    made = groups(repository)
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
    for rule in (rule for group in groups(repository) for rule in group["rules"] if "alert" in rule):
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == f"https://github.com/org/{NAME}/blob/main/docs/runbook.md"
        assert anchor in titles


def test_grafana_knows_all_that_the_dashboard_says(repository: Path) -> None:
    plugins.register_default_plugins()
    made = dashboard(repository)
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


def asked(repository: Path) -> Iterator[str]:
    """All queries: of the dashboard, of the alerts, of the canary's analysis."""
    made = dashboard(repository)
    for panel in made["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (one["expr"] for one in made["annotations"]["list"])
    yield from (rule["expr"] for group in groups(repository) for rule in group["rules"])
    analysis = objects(repository, {})["AnalysisTemplate"]["spec"]
    yield from (metric["provider"]["prometheus"]["query"] for metric in analysis["metrics"])


def test_promtool_takes_what_is_asked(repository: Path, tmp_path: Path) -> None:
    plain = [text.replace("$__rate_interval", "5m") for text in asked(repository)]
    rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(plain)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", "rules.yaml", cwd=tmp_path)


@pytest.fixture(scope="module")
def scraped(go_program: Path) -> dict[str, set[str]]:
    """The labels of each series that the Go service exports, once it has answered."""
    with process.running(go_program) as service:
        assert service.get("/").status == 200
        waiting.until(lambda: "http_requests_total{" in service.get("/metrics").body, "the request is counted")
        families = list(text_string_to_metric_families(service.get("/metrics").body))
    found: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.go
@pytest.mark.thorough
def test_what_is_asked_is_what_the_service_exports(scraped: dict[str, set[str]], repository: Path) -> None:
    assert not {label for labels in scraped.values() for label in labels} & (OF_TARGETS - {"le"})
    seen = set()
    for query in asked(repository):
        labels = set[str]()
        for name, within in SELECTOR.findall(query):
            recorded = re.sub(r"(?<=_rate)\d+[mhd]$", "", name)
            assert name in scraped or recorded in OF_PROMETHEUS, f"{name} is not exported"
            known = scraped.get(name, set()) | OF_TARGETS
            assert set(LABEL.findall(within)) <= known, query
            labels |= known
            seen.add(name)
        grouped = {one.strip() for listed in GROUPING.findall(query) for one in listed.split(",")}
        assert grouped <= labels, query
    assert {name for name in scraped if name.startswith("http_")} - seen <= {"http_request_duration_seconds_sum"}
