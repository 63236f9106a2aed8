"""Alert rules and dashboards ask for what the service exports, and promtool agrees with them."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from backstage_py.metrics import collecting, exposition, reference
from backstage_py.metrics.instruments import Instrument, declared
from tests.monitoring.prometheus import program, promtool

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "examples/deploy/monitoring"
PAGES = ROOT / "docs/operators/alerts"
DASHBOARDS = sorted((MONITORING / "dashboards").glob("*.json"))
RULES: list[Any] = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
TESTS: list[Any] = yaml.safe_load((MONITORING / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
NAMES = [rule["alert"] for rule in RULES]
FOREIGN = {"up": set[str](), "ALERTS": {"alertname", "alertstate"}}
OF_PROMETHEUS = {"instance", "job", "le"}
SELECTOR = re.compile(r"\b((?:backstage_py|scaffolder|catalog|process)_\w+|up|ALERTS)\b(?:\{(.*?)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\((.*?)\)")


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """The labels of each series that a service exports."""
    found = {name: set(one.labels) for one in declared() for name in reference.exported_names() if _is_of(name, one)}
    with collecting.collected() as collection:
        text = exposition.text(collection).decode()
    return found | {name: set() for name in re.findall(r"^(process_\w+) ", text, re.MULTILINE)} | FOREIGN


def _is_of(name: str, one: Instrument) -> bool:
    return name == one.name or re.sub(r"_(total|bucket|sum|count)$", "", name) == one.name


def expressions(dashboard: Path) -> Iterator[str]:
    content = json.loads(dashboard.read_text(encoding="utf-8"))
    for panel in content["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (one["expr"] for one in content["annotations"]["list"])


def check(expression: str, known: dict[str, set[str]]) -> None:
    selectors = SELECTOR.findall(expression)
    assert selectors, f"{expression} asks for nothing that is known"
    labels = set()
    for name, within in selectors:
        assert name in known, f"{name} is not exported"
        asked = set(LABEL.findall(within))
        assert asked <= known[name] | OF_PROMETHEUS, f"{name} has no {asked - known[name] - OF_PROMETHEUS}"
        labels |= known[name]
    grouped = {one.strip() for listed in GROUPING.findall(expression) for one in listed.split(",")}
    assert grouped <= labels | OF_PROMETHEUS, f"{expression} groups by {grouped - labels - OF_PROMETHEUS}"


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_asks_for_what_is_exported_and_names_a_page_about_it(rule: Any, known: dict[str, set[str]]) -> None:
    check(rule["expr"], known)
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    page = PAGES / f"{rule['alert']}.md"
    assert rule["annotations"]["runbook_url"].endswith(f"/blob/main/{page.relative_to(ROOT)}")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {rule['alert']}\n")
    assert f"```promql\n{rule['expr']}\n```" in text
    for title in ("## What to look at", "## What to do"):
        assert title in text


def test_each_alert_fires_once_in_the_tests_of_promtool_and_has_a_line_on_the_page_of_all() -> None:
    assert [test["name"] for test in TESTS] == NAMES
    assert {path.stem for path in PAGES.glob("*.md")} == {*NAMES, "README"}
    listed = (PAGES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)\]", listed, re.MULTILINE) == NAMES
    for test in TESTS:
        quiet, firing = test["alert_rule_test"]
        assert (quiet["exp_alerts"], len(firing["exp_alerts"])) == ([], 1)


@pytest.mark.parametrize("test", TESTS, ids=NAMES)
def test_what_promtool_is_fed_with_is_what_is_exported(test: Any, known: dict[str, set[str]]) -> None:
    for one in test["input_series"]:
        name, within = SELECTOR.findall(one["series"])[0]
        labels = set(LABEL.findall(within))
        assert labels - OF_PROMETHEUS == known[name]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_what_is_exported(dashboard: Path, known: dict[str, set[str]]) -> None:
    for expression in expressions(dashboard):
        check(expression, known)
    panels = json.loads(dashboard.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"
    assert max(x for x, _ in cells) < 24


def test_all_that_is_exported_for_operators_is_on_a_dashboard_or_in_a_rule() -> None:
    asked = " ".join([*(rule["expr"] for rule in RULES), *(text for one in DASHBOARDS for text in expressions(one))])
    unseen = {one.name for one in declared() if one.name not in asked}
    assert unseen <= {
        "catalog_processing_duration_seconds",  # of Backstage; ours are by source, and tell more
        "catalog_processors_duration_seconds",
        "catalog_stitching_duration",
        "backstage_py_catalog_provider_last_success_seconds",  # on the pages of alerts
        "backstage_py_catalog_provider_failures",
    }


def test_promtool_takes_the_rules_and_makes_each_fire() -> None:
    promtool("check", "rules", "alerts.yaml", cwd=MONITORING)
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yaml", cwd=MONITORING)


def test_promtool_takes_what_dashboards_ask(tmp_path: Path) -> None:
    asked = [text for dashboard in DASHBOARDS for text in expressions(dashboard)]
    plain = [text.replace("$__rate_interval", "5m").replace("$job", "j").replace("$instance", "i") for text in asked]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(plain)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", "rules.yaml", cwd=tmp_path)


def test_promtool_takes_what_a_scrape_gets(tmp_path: Path) -> None:
    with collecting.collected() as collection:
        for one in declared():
            if one.is_shared:
                collection.readings = {**collection.readings, one: {tuple("x" for _ in one.labels): 1.0}}
        text = exposition.text(collection)
    done = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
    assert len(list(text_string_to_metric_families(text.decode()))) > len(list(declared()))  # the library reads it, too
    complaints = [line for line in done.stderr.decode().splitlines() if line.startswith("backstage_py_")]
    assert complaints == []
    assert b"error while linting" not in done.stderr
