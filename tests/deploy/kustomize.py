"""The Kustomize base, rendered from the chart: ``python -m tests.deploy.kustomize`` writes it."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.rendering import DEPLOY, rendered

BASE = DEPLOY / "kustomize/base"
_VALUES = {
    "database": {"host": "postgres", "existingSecret": "backstage-py-database"},
    "secrets": {"keyEncryptionKey": {"existingSecret": "backstage-py-keys"}},
    "migrate": {"job": False},
}
_HEAD = "# Made from the chart by `python -m tests.deploy.kustomize`; change it there, or patch it in an overlay.\n"


def files() -> dict[str, Any]:
    """Return the objects that depend on no release, by the names of their files."""
    text = json.dumps(rendered(_VALUES)).replace('"app.kubernetes.io/managed-by": "Helm", ', "")
    text = re.sub(r', "helm\.sh/chart": "[^"]*"', "", text).replace("policy/v1beta1", "policy/v1")
    return {f"{one['kind'].lower()}.yaml": one for one in json.loads(text)}


def write(folder: Path = BASE) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made = files()
    top = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": sorted(made)}
    for name, content in {**made, "kustomization.yaml": top}.items():
        text = _HEAD + yaml.safe_dump(content, sort_keys=False, width=120)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
