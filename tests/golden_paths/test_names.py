"""Names that YAML reads as something else, such as ``null`` and ``off``, stay names in all that is produced."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from tests.deploy import rendering
from tests.golden_paths import produced
from tests.golden_paths.test_chart import EVERYTHING

PLAIN = {"name": "sound", "team": "fine", "system": "good"}
MISREAD = {"sound": "null", "fine": "off", "good": "1e3"}
"""By readers of YAML 1.1 or of 1.2, such as Helm, PyYAML, Argo CD and Backstage."""


def documents(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield what the YAML files hold, as both kinds of readers read them."""
    for file in sorted(folder.rglob("*.y*ml")):
        if "templates" not in file.parts:
            name, text = str(file.relative_to(folder)), file.read_text(encoding="utf-8")
            yield name, list(yaml.safe_load_all(text))
            yield name, list(YAML(typ="safe", pure=True).load_all(text))


def installed(folder: Path, name: str) -> list[dict[str, Any]]:
    return rendering.rendered(EVERYTHING, chart=folder / "chart", name=name, namespace="anywhere")


def renamed(value: Any) -> Any:
    """Return a value in which each plain name is the one that may be misread."""
    match value:
        case dict():
            return {renamed(key): renamed(one) for key, one in value.items()}
        case list():
            return [renamed(one) for one in value]
        case str():
            for plain, misread in MISREAD.items():
                value = value.replace(plain, misread)
    return value


@pytest.mark.thorough
@pytest.mark.parametrize("language", produced.LANGUAGES)
def test_names_stay_names(language: str, tmp_path: Path) -> None:
    skeleton, misread = produced.skeleton(language), {key: MISREAD[one] for key, one in PLAIN.items()}
    plain = produced.produce(skeleton, tmp_path / "plain", PLAIN)
    odd = produced.produce(skeleton, tmp_path / "odd", misread)
    for (name, expected), (_, found) in zip(documents(plain), documents(odd), strict=True):
        assert found == renamed(expected), name
    assert installed(odd, misread["name"]) == renamed(installed(plain, PLAIN["name"]))
