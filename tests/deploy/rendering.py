"""A chart's objects, rendered without a cluster."""

from pathlib import Path
from typing import Any

import helm_python
import yaml

DEPLOY = Path(__file__).parents[2] / "examples/deploy"
CHART = DEPLOY / "helm/backstage-py"


def rendered(
    values: dict[str, Any],
    *,
    chart: Path = CHART,
    name: str = "backstage-py",
    namespace: str = "tools",
    is_upgrade: bool = False,
) -> list[dict[str, Any]]:
    loaded = helm_python.Chart.load(chart)
    try:
        files = loaded.render(values, name=name, namespace=namespace, is_upgrade=is_upgrade)
    finally:
        loaded.close()
    texts = [text for file, text in files.items() if file.endswith(".yaml")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]
