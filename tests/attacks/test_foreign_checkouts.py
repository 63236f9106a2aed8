"""A checkout of somebody else's: commands read it, and do nothing that its files wish until a person has looked."""

import asyncio
import contextlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from backstage_py.cli.client import ApiClient
from backstage_py.cli.commands import dev
from backstage_py.cli.editor.knowledge import Knowledge
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import BackstageError
from tests import patience
from tests.integrations.web_host import WebHost

ACTIONS = """\
from pathlib import Path
from backstage_py.plugin import action

Path(__file__).parents[1].joinpath("ran").touch()


@action("acme:own", dry_run=True)
def own(ctx):
    "Does it."
"""
TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: foreign}
spec:
  owner: o
  type: service
  steps:
    - {id: own, name: Own, action: "debug:log", input: {message: hello}}
  output:
    text: [{title: T, content: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}]
"""
CASES = "cases:\n  - {name: one, run: ['touch RAN']}\n"
COMMANDS = [
    ["validate"],
    ["dry-run", "."],
    ["test"],
    ["run", ".", "--yes"],
    ["actions"],
    ["filters"],
    ["schema"],
]
TOKEN = "the user's token"


@dataclass
class Checkout:
    """A folder of somebody else's; ``home`` is the user's configuration."""

    folder: Path
    home: Path
    victim: WebHost

    @property
    def has_run(self) -> bool:
        return (self.folder / "ran").exists()

    async def run(self, *arguments: str, **env: str) -> tuple[int, str]:
        """Run a command in it, and return the exit status and all that it wrote."""
        environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "BACKSTAGE_TOKEN": TOKEN,
            "PYTHONPATH": os.pathsep.join(one for one in sys.path if one),
            **env,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "backstage_py.cli", *arguments),
            cwd=self.folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    async def executes(self, *arguments: str, **env: str) -> bool:
        """Say whether a command executes what the checkout wishes."""
        (self.folder / "ran").unlink(missing_ok=True)
        await self.run(*arguments, **env)
        return self.has_run


@pytest.fixture
def checkout(tmp_path: Path, victim: WebHost) -> Checkout:
    folder = tmp_path / "checkout"
    (folder / "actions").mkdir(parents=True)
    (folder / "actions" / "own.py").write_text(ACTIONS)
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "template.test.yaml").write_text(CASES.replace("RAN", str(folder / "ran")))
    (folder / "app-config.yaml").write_text(
        f"scaffolder: {{actionsFolder: actions}}\nintegrations: {{github: [{{host: {victim.authority}, "
        "token: '${BACKSTAGE_TOKEN}'}]}\n"
    )
    victim.text("/api/scaffolder/v2/actions", json.dumps([{"id": "theirs:act", "schema": {"input": {}}}]))
    return Checkout(folder, tmp_path / "home", victim)


def configured(checkout: Checkout, *, python: bool = True, listing: bool = False) -> None:
    lines = ["actions-folder: actions"] * python + [f"actions-from: {checkout.victim.url}"] * listing
    (checkout.folder / ".backstage-py.yaml").write_text("\n".join(lines) + "\n")


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("command", COMMANDS)
async def test_no_command_does_what_a_foreign_checkout_wishes(checkout: Checkout, command: list[str]) -> None:
    configured(checkout, listing=True)
    status, said = await checkout.run(*command)
    assert status == 0, said
    assert not checkout.has_run
    assert checkout.victim.requests == []
    assert "left out the Python files of" in said
    assert "`backstage-py trust`" in said


async def test_an_app_config_of_a_foreign_checkout_is_not_used(checkout: Checkout) -> None:
    """It names code as well, and would send variables of the environment to hosts of its own."""
    source = f"http://{checkout.victim.authority}/o/r/blob/main/x"
    step = f'{{id: f, name: F, action: "fetch:plain:file", input: {{url: "{source}", targetPath: x}}}}'
    (checkout.folder / "template.yaml").write_text(TEMPLATE.replace("  output:", f"    - {step}\n  output:"))
    _, said = await checkout.run("dry-run", ".")
    assert "left out the configuration app-config.yaml" in said
    assert not checkout.has_run
    assert checkout.victim.requests == []


async def test_an_app_config_that_is_given_executes_nothing_either(checkout: Checkout) -> None:
    assert not await checkout.executes("dry-run", ".", "--config", "app-config.yaml")


async def test_an_editor_and_dev_do_not_either(checkout: Checkout) -> None:
    configured(checkout, listing=True)
    said: list[str] = []
    trust = Trust.of({"XDG_CONFIG_HOME": str(checkout.home)}, tell=said.append)
    assert await dev.check(checkout.folder, trust)
    knowledge = Knowledge(trust)
    knowledge.of(checkout.folder / "template.yaml")
    assert not checkout.has_run
    assert checkout.victim.requests == []
    assert "left out" in said[0]
    assert "left out" in knowledge.problem


@pytest.mark.thorough
@pytest.mark.parametrize("command", [["validate"], ["test"]])
async def test_what_was_shown_is_done_until_it_changes(checkout: Checkout, command: list[str]) -> None:
    configured(checkout)
    status, said = await checkout.run("trust")
    assert status == 2  # nobody could be asked
    assert str(checkout.folder / "actions/own.py") in said
    assert f"touch {checkout.folder}/ran" in said
    assert not await checkout.executes(*command)
    assert (await checkout.run("trust", "--yes"))[0] == 0
    assert not checkout.has_run
    assert await checkout.executes(*command)
    (checkout.folder / "README.md").write_text("Another file")
    assert await checkout.executes(*command)
    (checkout.folder / "actions" / "own.py").write_text(f"{ACTIONS}\n")
    (checkout.folder / "template.test.yaml").write_text("cases:\n  - {name: one, run: ['touch ran; touch ran']}\n")
    assert not await checkout.executes(*command)


async def test_a_file_beside_the_actions_counts_as_well(checkout: Checkout) -> None:
    """They may import it."""
    configured(checkout)
    await checkout.run("trust", "--yes")
    (checkout.folder / "actions" / "inner").mkdir()
    (checkout.folder / "actions" / "inner" / "_helper.py").write_text("")
    assert not await checkout.executes("validate")


async def test_trust_is_taken_back(checkout: Checkout) -> None:
    configured(checkout)
    await checkout.run("trust", "--yes")
    await checkout.run("trust", "--revoke")
    assert not await checkout.executes("validate")


async def test_the_same_files_elsewhere_are_not_trusted(checkout: Checkout) -> None:
    configured(checkout)
    await checkout.run("trust", "--yes")
    moved = Checkout(checkout.folder.rename(checkout.folder.with_name("moved")), checkout.home, checkout.victim)
    assert not await moved.executes("validate")


@pytest.mark.thorough
async def test_a_flag_or_a_folder_of_the_user_allows_it_and_a_folder_beside_does_not(checkout: Checkout) -> None:
    configured(checkout)
    assert await checkout.executes("validate", "--trust")
    assert await checkout.executes("validate", BACKSTAGE_PY_TRUST=f"/nowhere{os.pathsep}{checkout.folder.parent}")
    assert not await checkout.executes("validate", BACKSTAGE_PY_TRUST=f"{checkout.folder}-ours")
    (checkout.home / "backstage-py").mkdir(parents=True)
    (checkout.home / "backstage-py" / "config.yaml").write_text(f"trust: [{checkout.folder}]\n")
    assert await checkout.executes("validate")
    linked = checkout.folder / "linked"
    (checkout.folder / "actions").rename(checkout.folder.parent / "foreign-actions")
    linked.symlink_to(checkout.folder.parent / "foreign-actions")
    (checkout.folder / ".backstage-py.yaml").write_text("actions-folder: linked\n")
    await checkout.run("validate")
    assert not (checkout.folder.parent / "ran").exists()


def tokens(victim: WebHost) -> list[str | None]:
    return [request.headers.get("authorization") for request in victim.requests]


@pytest.mark.thorough
async def test_the_token_goes_to_addresses_of_the_user_only(checkout: Checkout) -> None:
    configured(checkout, python=False, listing=True)
    for number, (arguments, env) in enumerate(
        [
            (["--trust"], {}),
            (["--actions-from", checkout.victim.url], {}),
            ([], {"BACKSTAGE_PY_ACTIONS_FROM": checkout.victim.url}),
        ]
    ):
        cache = str(checkout.home / f"cache-{number}")
        assert "theirs:act" in (await checkout.run("actions", *arguments, XDG_CACHE_HOME=cache, **env))[1]
    (checkout.home / "backstage-py").mkdir(parents=True, exist_ok=True)
    (checkout.home / "backstage-py" / "config.yaml").write_text(f"actions-from: {checkout.victim.url}\n")
    await checkout.run("actions")
    assert tokens(checkout.victim) == [None, *[f"Bearer {TOKEN}"] * 3]


@pytest.mark.thorough
@pytest.mark.parametrize("expectation", ["output: {text: [{content: {matches: '^(a+)+$'}}]}", "error: '^(a|a)*$'"])
async def test_no_pattern_of_a_test_case_holds_a_command_up(checkout: Checkout, expectation: str) -> None:
    (checkout.folder / "template.test.yaml").write_text(f"cases:\n  - {{name: one, expect: {{{expectation}}}}}\n")
    status, said = await checkout.run("test")
    assert status == 1
    assert "1 failed" in said


async def test_no_glob_of_a_configuration_holds_a_command_up(checkout: Checkout) -> None:
    deep = checkout.folder / "/".join(["a" * 30] * 12)
    deep.mkdir(parents=True)
    (deep / "b.yaml").write_text("kind: X\n")
    globs = ["**/" * 30 + "x", "*a" * 40 + "x", "**/*a*a*a*a*a*a*a*a*a*a*x/**", "+(+(+(a)))x", "{a,b}" * 8]
    (checkout.folder / ".backstage-py.yaml").write_text(f"exclude: {json.dumps(globs)}\n")
    assert (await checkout.run("validate"))[0] in {0, 2}


@pytest.mark.thorough
@pytest.mark.parametrize("key", ["golden: ../kept", "expect: {files: {x: {equals: ../kept/letter.txt}}}"])
async def test_a_test_case_neither_reads_nor_replaces_what_is_not_of_its_project(checkout: Checkout, key: str) -> None:
    kept = checkout.folder.parent / "kept"
    kept.mkdir()
    (kept / "letter.txt").write_text("dear diary")
    (checkout.folder / "template.test.yaml").write_text(f"cases:\n  - name: one\n    {key}\n")
    status, said = await checkout.run("test", "--update")
    assert status == 2
    assert "leads out of the project" in said
    assert (kept / "letter.txt").read_text() == "dear diary"


@pytest.mark.thorough
async def test_the_service_behind_dev_imports_nothing_of_the_checkout(checkout: Checkout) -> None:
    """A module beside the template must not stand in for one of ours."""
    (checkout.folder / "backstage_py.py").write_text(f"open({str(checkout.folder / 'ran')!r}, 'w').close()\n")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(checkout.home)}
    environment["PYTHONPATH"] = os.pathsep.join(one for one in sys.path if one)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "backstage_py.cli", "dev", ".", "--port", "0"),
        cwd=checkout.folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout
    said = b""
    while not (address := re.search(rb"http://127\.0\.0\.1:\d+(?=/api)", said)):
        said += await process.stdout.read(1)
    async with ApiClient(address[0].decode()) as api:
        with contextlib.suppress(BackstageError):
            await api.wait_until_ready(patience.SECONDS)
    process.terminate()
    await process.communicate()
    assert not checkout.has_run
