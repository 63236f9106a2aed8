"""The texts of ``docs/editors`` are what editors take, and the extension for VS Code packs and starts the server."""

import json
import os
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from backstage_py.cli.editor.findings import FIX_ALL
from tests.editors import pack

TEXT = (pack.ROOT / "docs/editors/README.md").read_text(encoding="utf-8")
HOST = Path(__file__).with_name("host.cjs")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_editors_are_told_of_the_server_that_there_is() -> None:
    (helix,) = blocks("toml")
    server = tomllib.loads(helix)["language-server"]["backstage-py"]
    assert [server["command"], *server["args"]] == ["backstage-py", "lsp"]
    for lua in blocks("lua"):
        assert 'cmd = { "backstage-py", "lsp" }' in lua
    (settings,) = blocks("json")
    manifest = json.loads((pack.SOURCES / "package.json").read_text(encoding="utf-8"))
    declared = manifest["contributes"]["configuration"]["properties"]
    assert "backstage-py.path" in json.loads(settings).keys() & declared.keys()
    assert FIX_ALL in json.loads(settings)["editor.codeActionsOnSave"]
    assert FIX_ALL in (pack.SOURCES / "extension.js").read_text(encoding="utf-8")


def test_lock_of_the_extension_names_no_address() -> None:
    locked = json.loads((pack.SOURCES / "package-lock.json").read_text(encoding="utf-8"))

    assert not any("resolved" in one for one in locked["packages"].values())
    assert all("integrity" in one for name, one in locked["packages"].items() if name)


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that VS Code makes of the packed file."""
    if reason := pack.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("vscode")
    pack.pack(folder / "it.vsix")
    with zipfile.ZipFile(folder / "it.vsix") as packed:
        packed.extractall(folder)
    return folder / "extension"


def hosted(extension: Path, **environment: str) -> Any:
    """Return what the extension does when it is started, its commands are used and its settings change."""
    command = [str(pack.node()), str(HOST), str(extension / "extension.js")]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_packed_extension_has_what_it_loads(extension: Path) -> None:
    manifest = json.loads((extension / "package.json").read_text(encoding="utf-8"))

    assert (extension / manifest["main"]).is_file()
    client = extension / "node_modules/vscode-languageclient"
    assert json.loads((client / "package.json").read_text())["version"] == manifest["dependencies"][client.name]
    assert (client / "node.js").is_file()
    assert not (extension / "node_modules/@vscode").exists()
    assert "Apache License" in (extension / "LICENSE.txt").read_text(encoding="utf-8")


def test_extension_starts_the_server_and_stops_it(extension: Path) -> None:
    seen = hosted(extension)

    first, again = seen["started"]  # again when the setting changes
    assert first == again
    assert first["server"] == {"command": "backstage-py", "args": ["lsp"], "options": {"cwd": "/project"}}
    assert first["options"]["documentSelector"][0] == {"scheme": "file"}
    assert seen["stopped"] == 2
    assert seen["executed"] == [["editor.action.codeAction", {"kind": FIX_ALL, "apply": "ifSingle"}]]
    declared = json.loads((extension / "package.json").read_text(encoding="utf-8"))["contributes"]["commands"]
    assert sorted(seen["commands"]) == sorted(one["command"] for one in declared)


def test_extension_says_what_to_install_and_finds_programs_of_the_project(extension: Path) -> None:
    seen = hosted(extension, FAILS="1", NAMED=".venv/bin/backstage-py", SKELETONS="no")

    assert seen["started"][0]["server"]["command"] == "/project/.venv/bin/backstage-py"
    assert seen["started"][0]["options"]["documentSelector"][0] == {"scheme": "file", "language": "yaml"}
    assert "does not start (spawn ENOENT). Install backstage-py" in seen["messages"][0]
    assert ["workbench.action.openSettings", "backstage-py.path"] in seen["executed"]
