"""What is in produced repositories is what the tools that read it take, whatever was answered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from backstage_py import bundled
from backstage_py.testing.catalog import LOCATION, process
from tests.golden_paths import tools

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("produced repositories")]

_FOLDER: Final = LOCATION.removeprefix("url:").rpartition("/")[0]


def _documents(file: Path) -> list[Any]:
    """Read YAML as strictly as it is written down: a key that comes twice is an error."""
    return list(YAML(typ="safe", pure=True).load_all(file.read_text(encoding="utf-8")))


def _of_kind(repositories: list[Path], pattern: str) -> Iterator[Path]:
    for repository in repositories:
        yield from (one for one in sorted(repository.rglob(pattern)) if "templates" not in one.parts)


def test_yaml_and_json_can_be_read(repositories: list[Path]) -> None:
    read = [_documents(file) for pattern in ("*.yaml", "*.yml") for file in _of_kind(repositories, pattern)]
    read += [[json.loads(file.read_text(encoding="utf-8"))] for file in _of_kind(repositories, "*.json")]
    assert len(read) > 10 * len(repositories)
    assert all(all(document is not None for document in documents) for documents in read)


def test_hadolint_finds_nothing(repositories: list[Path], tmp_path: Path) -> None:
    tools.run("hadolint", *_of_kind(repositories, "Dockerfile"), folder=tmp_path)


def test_shellcheck_finds_nothing(repositories: list[Path], tmp_path: Path) -> None:
    scripts = list(_of_kind(repositories, "*.sh"))
    assert all(script.stat().st_mode & 0o111 for script in scripts)
    tools.run("shellcheck", *scripts, folder=tmp_path)


def test_validate_finds_nothing(repositories: list[Path], tmp_path: Path) -> None:
    told = tools.run("backstage-py", "validate", *repositories, folder=tmp_path)
    assert "No problems found" in told


async def test_the_catalog_takes_each_entity(repositories: list[Path]) -> None:
    for repository in repositories:
        documents = _documents(repository / "catalog-info.yaml")
        files = {f"{_FOLDER}/{one.name}": one.read_text(encoding="utf-8") for one in repository.glob("*.yaml")}
        entities = [await process(document, files=files) for document in documents]
        assert [problem for one in entities for problem in one.problems] == []
        owner = {relation for one in entities for relation in one.relations if relation[1] == "ownedBy"}
        assert len(owner) == len(entities)


def test_score_workloads_fit_the_published_schema(repositories: list[Path]) -> None:
    schema = json.loads((bundled.schemas() / "score-v1b1.json").read_text(encoding="utf-8"))
    for file in _of_kind(repositories, "score.yaml"):
        [workload] = _documents(file)
        assert [error.message for error in Draft202012Validator(schema).iter_errors(workload)] == []


def test_the_pages_can_be_built_and_all_links_lead_somewhere(repositories: list[Path], tmp_path: Path) -> None:
    """TechDocs adds its plugin, which brings a theme; it needs an older Markdown than our own documentation."""
    for number, file in enumerate(_of_kind(repositories[:1], "mkdocs.yml")):
        assert _documents(file)[0]["plugins"] == ["techdocs-core"]
        plain = file.with_name("plain.yml")
        plain.write_text("INHERIT: mkdocs.yml\nplugins: []\n")
        site = tmp_path / str(number)
        tools.run("mkdocs", "build", "--strict", "--site-dir", site, "--config-file", plain, folder=tmp_path)
        plain.unlink()
        assert (site / "index.html").is_file()
