"""What ``pip install backstage-py`` gives: the author's commands, and for the rest the name of an extra.

The environment is put together of links to what the environment of the tests has, which pip would take a minute to
install; ``.ci/run`` does install it.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from backstage_py.model import json, yaml
from backstage_py.model.json import Json
from tests import patience

pytestmark = pytest.mark.xdist_group("author")  # its environment takes long to make

MEGABYTE = 1_000_000
LARGEST = 82 * MEGABYTE
SKELETON = Path(__file__).parents[2] / "skeletons" / "go-microservice"


def needed(distribution: metadata.Distribution, extras: frozenset[str] = frozenset()) -> Iterator[Requirement]:
    for text in distribution.requires or ():
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield one


def with_all_it_needs(distribution: metadata.Distribution) -> dict[str, metadata.Distribution]:
    """Return the distributions that pip would install, by name."""
    found: dict[str, metadata.Distribution] = {}
    seen = set()
    todo = [*needed(distribution)]
    while todo:
        one = todo.pop()
        if (key := (one.name.lower(), frozenset(one.extras))) not in seen:
            seen.add(key)
            found[one.name.lower()] = metadata.distribution(one.name)
            todo += needed(found[one.name.lower()], key[1])
    return found


@pytest.fixture(scope="module")
def packages(installed: Path) -> list[metadata.Distribution]:
    (ours,) = metadata.distributions(path=[str(installed)])
    return [ours, *with_all_it_needs(ours).values()]


@pytest.fixture(scope="module")
def python(packages: list[metadata.Distribution], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment that has an author's packages and no others."""
    folder = tmp_path_factory.mktemp("author")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/*/site-packages")
    for package in packages:
        tops = {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__", "bin")}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(package.locate_file(top))))
    return folder / "bin" / "python"


def run(python: Path, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(python), "-m", "backstage_py", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience.SECONDS,
    )


def a_template(folder: Path, action: str, **inputs: Json) -> Path:
    path = folder / "template.yaml"
    step = {"id": "it", "name": "it", "action": action, "input": inputs}
    entity = {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "it"},
        "spec": {"owner": "team", "type": "service", "steps": [step]},
    }
    path.write_text(yaml.dump(entity))
    return path


@pytest.mark.thorough
def test_it_is_small(packages: list[metadata.Distribution]) -> None:
    """What is installed, without the bytecode that Python derives of it."""
    sizes = {
        package.name: sum(
            path.stat().st_size
            for file in package.files or ()
            if file.suffix != ".pyc" and (path := Path(str(package.locate_file(file)))).is_file()
        )
        for package in packages
    }
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
    assert sum(sizes.values()) < LARGEST, largest


@pytest.mark.thorough
def test_the_commands_of_authors_are_there(python: Path, tmp_path: Path) -> None:
    values = ["--values", "name=shop-web", "--values", "team=payments", "--values", "database=false"]
    shop = tmp_path / "shop"
    for arguments in (
        ["new", "template", "shop"],
        ["validate", "--strict", "shop"],
        ["test", "shop"],
        ["dry-run", str(SKELETON), *values],
        ["schema"],
        ["filters"],
        ["lsp", "--help"],
    ):
        done = run(python, *arguments, folder=tmp_path)
        assert done.returncode == 0, (arguments, done.stdout + done.stderr)
    done = run(python, "run", str(a_template(shop, "debug:log", message="hello")), "--yes", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve"], "The command 'serve' needs the extra serve: pip install 'backstage-py[serve]'"),
        (["dev"], "The command 'dev' needs the extra serve: pip install 'backstage-py[serve]'"),
        (["demo"], "The command 'demo' needs the extra serve: pip install 'backstage-py[serve]'"),
        (
            ["mcp", "--url", "http://127.0.0.1:1"],
            "The command 'mcp' needs the extra mcp: pip install 'backstage-py[mcp]'",
        ),
        (
            ["run", "template.yaml", "--sandbox", "--yes"],
            "The sandbox needs the extra serve: pip install 'backstage-py[serve]'",
        ),
        (
            ["dry-run", "template.yaml", "--sandbox"],
            "The sandbox needs the extra serve: pip install 'backstage-py[serve]'",
        ),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_a_command_names_the_extra_that_it_needs(
    python: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    a_template(tmp_path, "debug:log", message="hello")

    done = run(python, *arguments, folder=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"backstage-py: {sentence}\n")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("action", "inputs", "extra"),
    [
        ("kube:apply", {"manifest": "kind: List"}, "kubernetes"),
        ("vault:add-secret", {"path": "secrets/shop", "key": "k", "value": "v"}, "vault"),
        ("slack:sendMessage:conversation", {"message": "hello"}, "slack"),
    ],
)
def test_an_action_names_the_extra_that_it_needs(
    python: Path, tmp_path: Path, action: str, inputs: dict[str, Json], extra: str
) -> None:
    """A note in ``validate``, the error of its step in ``run``."""
    path = a_template(tmp_path, action, **inputs)
    sentence = f"{action} needs the extra {extra}: pip install 'backstage-py[{extra}]'"

    checked = run(python, "validate", "--format", "json", str(path), folder=tmp_path)
    ran = run(python, "run", str(path), "--yes", folder=tmp_path)

    assert (
        checked.returncode,
        [(one["severity"], one["message"]) for one in json.parse(checked.stdout)["problems"]],
    ) == (
        0,
        [("info", sentence)],
    )
    assert (ran.returncode, sentence in ran.stdout) == (1, True), ran.stdout


@pytest.mark.thorough
def test_what_is_missing_is_listed(python: Path, tmp_path: Path) -> None:
    sentence = "kube:apply needs the extra kubernetes: pip install 'backstage-py[kubernetes]'"

    listed = run(python, "actions", folder=tmp_path).stdout.splitlines()
    shown = run(python, "actions", "kube:apply", folder=tmp_path).stdout

    assert [one for one in listed if one.startswith("kube:apply ") and one.endswith(f" [{sentence}]")]
    assert f"Unavailable: {sentence}" in shown
