"""The example of the page for operators fits the definitions of Kueue."""

import re
from pathlib import Path

import yaml

from tests.cluster import crds
from tests.integrations.kube_server import Parts

PAGE = Path(__file__).parents[2] / "docs/operators/kubernetes.md"


def test_the_example_fits_kueues_definitions(parts: Parts) -> None:
    api = parts.server.api
    crds.load(api, "kueue")
    section = PAGE.read_text(encoding="utf-8").partition("## Kueue")[2].partition("\n## ")[0]
    [example] = [block for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL) if "apiVersion" in block]
    for value in yaml.safe_load_all(example):
        namespace = value["metadata"].get("namespace")
        if namespace:
            api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        plural = f"{value['kind'].lower()}s"
        within = f"/namespaces/{namespace}" if namespace else ""
        made = api.post(f"/apis/{value['apiVersion']}{within}/{plural}", value)
        assert made["spec"] == {**made["spec"], **value.get("spec", {})} if "spec" in made else True
