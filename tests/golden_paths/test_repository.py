"""What every produced repository holds, whatever its language."""

import os
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from backstage_py import bundled
from backstage_py.cli.main import app
from backstage_py.model import json
from tests.golden_paths import produced

_SHARED = ("chart", "deploy", "docs/delivery.md", "docs/runbook.md")
"""The same text in each language; there twice, since each golden path is a folder that can be copied alone."""

_MAIN = r"(?<![.\w])main\b(?!\.go)"
"""The branch; GitLab's hidden job has a dot in front of it."""


def _files(folder: Path) -> dict[str, bytes]:
    if folder.is_file():
        return {folder.name: folder.read_bytes()}
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("language", produced.LANGUAGES)
@pytest.mark.parametrize("path", _SHARED)
def test_languages_share_how_they_are_delivered(language: str, path: str) -> None:
    assert _files(produced.skeleton(language) / path) == _files(produced.skeleton("go") / path)


@pytest.mark.parametrize("language", produced.LANGUAGES)
def test_the_template_gives_the_skeleton_a_name_and_a_team(language: str) -> None:
    template = yaml.safe_load((produced.skeleton(language).parent / "template.yaml").read_text(encoding="utf-8"))
    step = next(one for one in template["spec"]["steps"] if one["action"] == "fetch:template")
    assert (bundled.skeletons() / f"{language}-microservice" / step["input"]["url"]).is_dir()
    assert set(step["input"]["values"]) >= set(produced.VALUES)


def test_nothing_of_backstages_syntax_is_left(repository: Path) -> None:
    for path in sorted(each for each in repository.rglob("*") if each.is_file()):
        text = path.read_text(encoding="utf-8")
        assert "{%" not in text, path
        if ".github" not in path.parts:
            assert "${{" not in text, path
        assert "${{" not in path.name


def test_the_linter_finds_nothing_in_what_is_produced(repository: Path) -> None:
    done = CliRunner().invoke(app, ["validate", str(repository)])
    assert (done.exit_code, done.stdout) == (0, "No problems found.\n")


def test_the_catalog_knows_the_service_and_its_api(repository: Path) -> None:
    text = (repository / "catalog-info.yaml").read_text(encoding="utf-8")
    entities = {one["kind"]: one for one in yaml.safe_load_all(text)}
    assert {one["spec"]["owner"] for one in entities.values()} == {f"group:default/{produced.TEAM}"}
    component = entities["Component"]
    assert component["metadata"]["annotations"]["github.com/project-slug"] == f"org/{produced.NAME}"
    assert component["spec"]["providesApis"] == [entities["API"]["metadata"]["name"]]
    assert (repository / entities["API"]["spec"]["definition"]["$text"]).is_file()
    assert (repository / "docs/runbook.md").is_file()
    assert any(link["url"].endswith("/blob/main/docs/runbook.md") for link in component["metadata"]["links"])


@pytest.mark.parametrize("language", produced.LANGUAGES)
def test_what_names_the_default_branch_follows_the_template(language: str, tmp_path: Path) -> None:
    values = {**produced.VALUES, "defaultBranch": "trunk"}
    made = produced.produce(produced.skeleton(language), tmp_path, values)
    texts = {path.relative_to(made).as_posix(): path.read_text("utf-8") for path in made.rglob("*") if path.is_file()}
    code = (".go", ".py")
    assert not [name for name, text in texts.items() if not name.endswith(code) and re.search(_MAIN, text)]
    assert {name for name, text in texts.items() if "trunk" in text} == {
        ".github/workflows/ci.yaml", ".github/workflows/codeql.yaml", "catalog-info.yaml", "chart/values.yaml",
        "deploy/argo-cd/applicationset/environments.yaml", "deploy/argo-cd/policies.yaml",
        "deploy/argo-cd/production.yaml", "deploy/argo-cd/staging.yaml", "deploy/flux/source.yaml",
        "deploy/policies/images.yaml", "docs/delivery.md", "mkdocs.yml",
    }  # fmt: skip


def test_argo_cds_plugin_finds_the_applications(repository: Path) -> None:
    text = (repository / "catalog-info.yaml").read_text(encoding="utf-8")
    component = next(one for one in yaml.safe_load_all(text) if one["kind"] == "Component")
    name, _, value = component["metadata"]["annotations"]["argocd/app-selector"].partition("=")
    for environment in ("staging", "production"):
        application = yaml.safe_load((repository / f"deploy/argo-cd/{environment}.yaml").read_text(encoding="utf-8"))
        assert application["metadata"]["labels"][name] == value


def test_the_workload_is_one_of_score_and_is_what_the_chart_runs(repository: Path) -> None:
    workload = yaml.safe_load((repository / "score.yaml").read_text(encoding="utf-8"))
    folder = Path(os.environ.get("BACKSTAGE_PY_TEST_CRDS") or bundled.skeletons().parents[1] / "shared/crds")
    schema = folder / "score/score-v1b1.json"
    if not schema.is_file():
        pytest.skip("the schema of Score in the folder BACKSTAGE_PY_TEST_CRDS")
    assert [
        error.message for error in Draft202012Validator(json.parse(schema.read_bytes())).iter_errors(workload)
    ] == []
    values = yaml.safe_load((repository / "chart/values.yaml").read_text(encoding="utf-8"))
    container = workload["containers"]["service"]
    assert container["resources"] == values["resources"]
    assert container["readinessProbe"]["httpGet"]["path"] == values["probes"]["readiness"]["path"]
    assert workload["service"]["ports"]["http"] == {
        "port": values["service"]["port"],
        "targetPort": values["containerPort"],
    }


def test_each_page_of_the_documentation_is_there(repository: Path) -> None:
    site = yaml.safe_load((repository / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = {page for entry in site["nav"] for page in entry.values()}
    assert pages == {one.name for one in (repository / "docs").iterdir()}
