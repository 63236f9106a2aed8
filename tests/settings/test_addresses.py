"""Where this service is, found in a configuration that it shares with a Backstage."""

from pathlib import Path

import pytest

from backstage_py.settings import load_settings
from backstage_py.settings.addresses import Addresses


@pytest.mark.parametrize(
    ("plugins", "own", "served"),
    [
        ("[scaffolder, catalog]", "http://py:7008", {"scaffolder", "catalog"}),
        ("[scaffolder]", "http://py:7008", {"scaffolder"}),
        ("[backstage-py]", "http://py:7008", {"backstage-py"}),
        ("[other]", "http://backstage:7007", {"scaffolder", "catalog", "auth", "backstage-py"}),
    ],
)
def test_discovery_says_what_is_served_here(tmp_path: Path, plugins: str, own: str, served: set[str]) -> None:
    config = tmp_path / "app-config.yaml"
    config.write_text(
        "backend: {baseUrl: http://backstage:7007}\n"
        "discovery:\n  endpoints:\n"
        f"    - {{target: 'http://py:7008/api/{{{{pluginId}}}}', plugins: {plugins}}}\n"
    )
    addresses = Addresses.of(load_settings([config], {}))
    assert addresses.own == own
    assert {one for one in ("scaffolder", "catalog", "auth", "backstage-py") if addresses.serves(one)} == served
