"""Example 01: its configuration and values fit the golden path that it shows."""

from pathlib import Path
from typing import Final

import pytest
import yaml
from jsonschema import Draft7Validator

from backstage_py import bundled
from backstage_py.model import json
from backstage_py.model.json import Json
from backstage_py.settings.load import load_settings

_ROOT: Final = Path(__file__).parents[2]
_EXAMPLE: Final = _ROOT / "examples/01-go-microservice"


def _template() -> Json:
    return yaml.safe_load((bundled.skeletons() / "go-microservice/template.yaml").read_text())


def test_the_examples_configuration_serves_the_bundled_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_ROOT)
    settings = load_settings([_EXAMPLE / "app-config.yaml"], {})
    targets = [Path(location.target) for location in settings.catalog.locations]
    assert [target.resolve() for target in targets] == [bundled.skeletons() / "go-microservice/template.yaml"]
    assert settings.sandbox is not None
    assert settings.warnings == ()


def test_the_examples_values_fit_the_form() -> None:
    sent = json.parse((_EXAMPLE / "values.json").read_bytes())
    metadata = _template()["metadata"]
    assert sent["templateRef"] == f"template:default/{metadata['name']}"
    for page in _template()["spec"]["parameters"]:
        assert list(Draft7Validator(page).iter_errors(sent["values"])) == []
