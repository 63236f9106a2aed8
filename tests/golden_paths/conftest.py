"""Produced repositories, once for each language and module."""

from pathlib import Path

import pytest

from tests.golden_paths import produced


@pytest.fixture(scope="module", params=produced.LANGUAGES)
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a new service."""
    return produced.produce(produced.skeleton(request.param), tmp_path_factory.mktemp("repository"))
