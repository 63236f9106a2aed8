"""The pipelines of produced repositories, for GitHub and for GitLab."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from backstage_py import bundled
from backstage_py.cli.main import app
from tests.golden_paths import produced, tools, workflows

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("produced repositories")]

OWN = ("actions/", "github/")
"""Actions of GitHub itself, whose versions cannot be moved by somebody else."""


def test_actionlint_finds_nothing(repositories: list[Path], tmp_path: Path) -> None:
    for number, file in enumerate(workflows.files(repositories)):
        text = workflows.by_version(file.read_text(encoding="utf-8"))
        (tmp_path / f"{number}-{file.name}").write_text(text, encoding="utf-8")
    assert len(list(tmp_path.iterdir())) >= 2 * len(repositories)
    tools.run("actionlint", "-pyflakes=", *sorted(tmp_path.iterdir()), folder=tmp_path)


def test_actionlint_finds_nothing_in_a_new_golden_path_and_here(tmp_path: Path) -> None:
    template = str(bundled.skeletons() / "new-golden-path")
    values = ["name=web-service", "owner=team-a", "organization=acme"]
    given = [part for value in values for part in ("-v", value)]
    done = CliRunner().invoke(app, ["dry-run", template, *given, "--out", str(tmp_path / "made")])
    assert done.exit_code == 0, done.output
    made = sorted((tmp_path / "made").glob("**/workflows/*.yaml"))
    assert len(made) == 2
    here = sorted((bundled.skeletons().parent / ".github/workflows").glob("*.yml"))
    tools.run("actionlint", "-pyflakes=", *made, *here, folder=tmp_path)


def test_actions_of_others_are_pinned_by_their_commit(repositories: list[Path]) -> None:
    for file in workflows.files(repositories):
        for uses, comment in re.findall(r"uses: (\S+)( .*)?", file.read_text(encoding="utf-8")):
            name, _, version = uses.partition("@")
            expected = r"v\d+" if name.startswith(OWN) else "[0-9a-f]{40}"
            assert re.fullmatch(expected, version), (file, uses)
            assert name.startswith(OWN) or re.match(r" # v\d", comment), (file, uses)


INPUTS: dict[str, set[str]] = {
    "aquasecurity/trivy-action": {"exit-code", "ignore-unfixed", "image-ref", "scan-type", "scanners", "severity"},
    "sigstore/cosign-installer": set(),
}
"""What is given to actions whose inputs actionlint does not know, as their ``action.yaml`` has it."""


def test_actions_are_given_what_they_take(repositories: list[Path]) -> None:
    """Of all others actionlint knows it, which GitHub itself ignores with no more than a warning."""
    for file in workflows.files(repositories):
        for step in workflows.steps(file):
            name = step.get("uses", "").partition("@")[0]
            known = INPUTS.get(name, set(step.get("with", {})))
            assert set(step.get("with", {})) <= known, (file, name)


def test_a_job_may_do_what_it_does_and_no_more(repositories: list[Path]) -> None:
    allowed = {
        "image": {"contents": "read", "packages": "write", "id-token": "write"},
        "promote": {"contents": "write"},
        "analyze": {"actions": "read", "contents": "read", "security-events": "write"},
    }
    for file in workflows.files(repositories):
        assert yaml.safe_load(file.read_text(encoding="utf-8"))["permissions"] == {}, file
        for name, job in workflows.jobs(file).items():
            assert job["permissions"] == allowed.get(name, {"contents": "read"}), (file, name)


def test_only_the_job_that_pushes_keeps_a_token_in_its_checkout(repositories: list[Path]) -> None:
    for file in workflows.files(repositories):
        for name, job in workflows.jobs(file).items():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert (step["with"].get("persist-credentials") is False) == (name != "promote"), (file, name)


def test_texts_from_outside_do_not_reach_a_shell(repositories: list[Path]) -> None:
    for file in workflows.files(repositories):
        for step in workflows.steps(file):
            assert "${{" not in step.get("run", ""), file


def branch(repository: Path) -> str:
    """Return the branch from which Flux deploys."""
    source = yaml.safe_load((repository / "deploy/flux/source.yaml").read_text(encoding="utf-8"))
    return str(source["spec"]["ref"]["branch"])


def test_only_the_default_branch_is_built_and_deployed(repositories: list[Path]) -> None:
    """What a host calls it stands in the event; only what starts a workflow cannot ask."""
    for repository in repositories:
        jobs = workflows.jobs(repository / ".github/workflows/ci.yaml")
        is_default = "github.ref_name == github.event.repository.default_branch"
        assert jobs["image"]["if"] == f"{is_default} && github.event_name != 'pull_request'"
        assert jobs["promote"]["needs"] == "image"
        assert jobs["promote"]["steps"][0]["with"]["ref"] == "${{ github.event.repository.default_branch }}"
        pipeline = yaml.safe_load((repository / ".gitlab-ci.yml").read_text(encoding="utf-8"))
        assert pipeline[".main"]["rules"] == [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"}]


def test_a_promotion_starts_no_pipeline(repositories: list[Path]) -> None:
    for file in workflows.files(repositories):
        on = yaml.safe_load(file.read_text(encoding="utf-8"))[True]  # YAML 1.1 reads the word as a truth value
        assert on["push"] == {"branches": [branch(file.parents[2])], "paths-ignore": ["deploy/**"]}, file
    for repository in repositories:
        assert "[skip ci]" in (repository / "deploy/promote.sh").read_text(encoding="utf-8")


def test_gitlabs_schema_fits(repositories: list[Path], tmp_path: Path) -> None:
    files = [repository / ".gitlab-ci.yml" for repository in repositories]
    options = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    tools.run("check-jsonschema", *options, *files, folder=tmp_path)


def test_dependabots_schema_fits(repositories: list[Path], tmp_path: Path) -> None:
    files = [repository / ".github/dependabot.yml" for repository in repositories]
    tools.run("check-jsonschema", "--builtin-schema", "vendor.dependabot", *files, folder=tmp_path)


def test_renovates_schema_fits(repositories: list[Path], tmp_path: Path) -> None:
    files = [repository / "renovate.json" for repository in repositories]
    tools.run("check-jsonschema", "--builtin-schema", "vendor.renovate", *files, folder=tmp_path)


def test_dependabot_is_asked_for_what_it_reads_and_renovate_for_the_rest(repositories: list[Path]) -> None:
    for repository in repositories:
        updates = yaml.safe_load((repository / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
        images = [line for line in (repository / "Dockerfile").read_text().splitlines() if line.startswith("FROM ")]
        has_arguments = all("${" in line for line in images)  # which Dependabot passes by
        assert has_arguments != any(one["package-ecosystem"] == "docker" for one in updates)
        renovate = json.loads((repository / "renovate.json").read_text(encoding="utf-8"))
        assert has_arguments == ("dockerfile" in renovate["enabledManagers"])


def test_gitlab_waits_for_jobs_that_are_there(repositories: list[Path]) -> None:
    for repository in repositories:
        pipeline = yaml.safe_load((repository / ".gitlab-ci.yml").read_text(encoding="utf-8"))
        stages = pipeline["stages"]
        jobs: dict[str, Any] = {
            name: job for name, job in pipeline.items() if isinstance(job, dict) and "script" in job
        }
        for name, job in jobs.items():
            parent = pipeline.get(job.get("extends"), {})
            stage = stages.index(job.get("stage") or parent["stage"])
            for needed in job.get("needs", []):
                assert stages.index(jobs[needed]["stage"]) <= stage, (name, needed)


DONE_BY_BOTH = {
    "go": ["gofmt -l", "go vet", "staticcheck@", "go test -race", "./cmd/openapi -check", "govulncheck@"],
    "python": [
        "ruff check",
        "ruff format --check",
        "mypy",
        "pytest",
        "service.openapi --check",
        "pip-audit==",
        "--require-hashes",
    ],
}
DELIVERED_BY_BOTH = ["helm lint chart --strict", "cosign sign --yes", "deploy/promote.sh staging", "misconfig"]


@pytest.mark.parametrize("language", produced.LANGUAGES)
def test_gitlab_does_what_github_does(language: str) -> None:
    skeleton = produced.skeleton(language)
    github = (skeleton / ".github/workflows/ci.yaml").read_text(encoding="utf-8")
    gitlab = (skeleton / ".gitlab-ci.yml").read_text(encoding="utf-8")
    for command in (*DONE_BY_BOTH[language], *DELIVERED_BY_BOTH):
        assert command in github, command
        assert command in gitlab, command
    versions = re.compile(r"([\w/.-]+(?:@v|==))(\d[\d.]*)")
    pinned = {tool: version for tool, version in versions.findall(github) if "." in version}
    assert pinned.items() >= dict(versions.findall(gitlab)).items()


def test_the_policy_reads_signatures_as_the_pipelines_write_them(repositories: list[Path]) -> None:
    """Kyverno looks for the older format unless it is told, and finds no signature then."""
    for repository in repositories:
        policy = yaml.safe_load((repository / "deploy/policies/images.yaml").read_text(encoding="utf-8"))
        [verified] = [one for rule in policy["spec"]["rules"] for one in rule.get("verifyImages", [])]
        assert verified["type"] == "SigstoreBundle"
        for pipeline in (".github/workflows/ci.yaml", ".gitlab-ci.yml"):
            said = re.findall(r"cosign sign .*", (repository / pipeline).read_text(encoding="utf-8"))
            assert said
            assert all("--new-bundle-format" in one for one in said)


def test_the_policy_trusts_the_workflow_that_signs_and_no_other(repositories: list[Path]) -> None:
    for repository in repositories:
        service = repository.name.partition("-")[2]
        policy = (repository / "deploy/policies/images.yaml").read_text(encoding="utf-8")
        subject = re.compile(next(line.split(": ", 1)[1] for line in policy.splitlines() if "github\\.com" in line))
        for file in (repository / ".github/workflows").iterdir():
            name = f"https://github.com/org/{service}/.github/workflows/{file.name}@refs/heads/"
            on_branch = f"{name}{branch(repository)}"
            assert bool(subject.match(on_branch)) == ("cosign sign" in file.read_text(encoding="utf-8")), file
            assert not subject.match(f"{on_branch}-2")
