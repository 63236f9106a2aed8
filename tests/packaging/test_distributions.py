import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = {"__pycache__", ".pyc"}


def tree(folder: str) -> set[str]:
    """Return the files of a folder of the project that git would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return {name for name in listed if name and (ROOT / name).is_file()}


def in_wheel(distributions: Path) -> set[str]:
    with zipfile.ZipFile(next(distributions.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


@pytest.mark.thorough
def test_the_sdist_holds_everything_that_is_built_or_tested(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = set().union(*(tree(f) for f in ("backstage_py", "actions", "schemas", "skeletons", "examples", "tests")))
    assert wanted - inside == set()


def test_the_wheel_holds_every_module_schema_skeleton_file_and_the_built_page(distributions: Path) -> None:
    inside = in_wheel(distributions)
    sources_of_page = tree("backstage_py/http/page_src")
    assert sources_of_page
    assert sources_of_page & inside == set()
    wanted = tree("backstage_py") - sources_of_page
    wanted |= {name.removeprefix("actions/") for name in tree("actions/backstage_py_actions")}
    wanted |= {f"backstage_py/_bundled/{name}" for name in tree("schemas") | tree("skeletons")}
    assert wanted - inside == set()
    assert not [name for name in inside if any(part in name for part in IGNORED)]


def test_both_packages_tell_type_checkers_that_they_are_typed(distributions: Path) -> None:
    assert {"backstage_py/py.typed", "backstage_py_actions/py.typed"} <= in_wheel(distributions)


@pytest.mark.thorough
def test_the_wheel_runs_outside_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    """Its dependencies come from the environment of the tests."""
    script = (
        "import backstage_py, backstage_py_actions\n"
        "from backstage_py import bundled\n"
        "from backstage_py.plugin import load_actions\n"
        f"assert backstage_py.__file__.startswith({str(installed)!r}), backstage_py.__file__\n"
        "assert (bundled.skeletons() / 'go-microservice' / 'template.yaml').is_file()\n"
        "assert list(bundled.schemas().glob('**/*.json'))\n"
        "assert 'fetch:template' in load_actions()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env=environment)
