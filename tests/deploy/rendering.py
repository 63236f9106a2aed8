"""The chart's objects, rendered without a cluster."""

from pathlib import Path
from typing import Any

import helm_python
import yaml

DEPLOY = Path(__file__).parents[2] / "examples/deploy"
CHART = DEPLOY / "helm/backstage-py"


def rendered(values: dict[str, Any], *, is_upgrade: bool = False) -> list[dict[str, Any]]:
    chart = helm_python.Chart.load(CHART)
    try:
        files = chart.render(values, name="backstage-py", namespace="tools", is_upgrade=is_upgrade)
    finally:
        chart.close()
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]
