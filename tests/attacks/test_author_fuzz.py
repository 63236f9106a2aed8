"""Every command of an author, on files that are almost right: what is wrong is said in words, never by a traceback."""

import asyncio
import copy
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstage_py.cli import entry as cli
from backstage_py.cli.commands import dev
from backstage_py.cli.local.trust import Trust
from tests import effort

MOST = 120
DEV = "dev"
"""What ``dev`` does whenever a file changes."""
ODD: Sequence[Any] = (
    *(None, True, 0, -1, 1.5, float("inf"), 10**30, [], [[]], {}, {"": ""}, ["a", 1, None]),
    *(
        "",
        " ",
        "x",
        "a/b",
        "../x",
        "/etc/passwd",
        "\ud800",
        "a\0b",
        "\u202e",
        "é" * 50,
        "a" * 3_000,
        "(",
        "*",
        "**",
        "[",
    ),
    *("${{ x", "${{ parameters.name }}", "${{ each.a }}", "${{ [1,2] }}", "{% if %}"),
    *({"$yaml": "./values.yaml"}, {"$text": "../../x"}, {"$json": 5}, {"$ref": "#"}, {"matches": "("}, {"id": "x"}),
    *("GET /x", "http://[::", "https://127.0.0.1:1/x", "file:///etc/passwd", "user:default/x", "a:b:c/d", "BPY301"),
    *("catalog:fetch", "http:backstage:request", "publish:gitlab", "fetch:template", "debug:log", "acme:x"),
)
TEMPLATE: Any = {
    "apiVersion": "scaffolder.backstage.io/v1beta3",
    "kind": "Template",
    "metadata": {"name": "example", "annotations": {}},
    "spec": {
        "type": "service",
        "owner": "platform",
        "parameters": [
            {
                "properties": {
                    "name": {"type": "string", "default": "x"},
                    "owner": {"type": "string", "ui:field": "OwnerPicker"},
                }
            },
            {"when": "${{ parameters.name }}", "properties": {"n": {"type": "number", "default": 1}}},
        ],
        "steps": [
            {"id": "fetch", "action": "fetch:template", "input": {"url": "./skeleton", "values": {"a": "b"}}},
            {"id": "mine", "action": "acme:thing", "input": {"x": 1}, "if": "${{ parameters.name }}"},
            {"id": "each", "each": ["a"], "action": "debug:log", "input": {"message": "${{ each.value }}"}},
            {"id": "ask", "action": "http:backstage:request", "input": {"method": "GET", "path": "/api/x"}},
            {"id": "find", "action": "catalog:fetch", "input": {"entityRef": "component:default/x"}},
            {"id": "lab", "action": "publish:gitlab", "input": {"repoUrl": "gitlab.com?owner=a&repo=b"}},
        ],
        "output": {"links": [{"title": "x", "url": "${{ steps.lab.output.remoteUrl }}"}], "text": []},
    },
}
FILES: dict[str, Any] = {
    "template.yaml": TEMPLATE,
    "a.test.yaml": {
        "mocks": {"mine": {"output": {"a": 1}, "log": ["x"], "files": {"f": "x"}}},
        "entities": [{"kind": "Component", "metadata": {"name": "x"}}],
        "http": {"GET /api/x": {"status": 200, "body": {"a": 1}}},
        "findings": [],
        "cases": [
            {
                "name": "a",
                "each": {"name": ["p", "q"]},
                "values": {"n": 2},
                "user": "user:default/x",
                "secrets": {"t": "s"},
                "expect": {
                    "files": {"README.md": {"contains": ["x"], "matches": "^"}, "**": None},
                    "steps": {"fetch": "completed"},
                    "inputs": {"mine": {"x": 1}},
                    "output": {"links": []},
                    "log": ["x"],
                    "absent": ["y"],
                },
                "golden": "golden",
            }
        ],
    },
    "x.mocks.yaml": {"acme:thing": {"output": {"a": [1]}, "fail": "no"}},
    "entities.yaml": [{"kind": "Group", "metadata": {"name": "x"}, "spec": {}}],
    "values.yaml": {"name": "x", "n": 1},
    ".backstage-py.yaml": {
        "actions": [{"id": "acme:thing", "output": {"type": "object", "properties": {"u": {"type": "string"}}}}],
        "severity": {"BPY511": "off"},
        "exclude": ["x"],
    },
    "app-config.yaml": {"integrations": {"github": [{"host": "github.com"}]}, "backend": {"reading": {"allow": []}}},
    "skeleton/README.md": "# ${{ values.a }} {% if x %}y{% endif %}\n",
    "skeleton/catalog-info.yaml": {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "x"},
    },
}
COMMANDS = (
    *("validate", "validate --format sarif", "validate --strict template.yaml"),
    *("dry-run .", "dry-run . --json", "dry-run . --diff", "dry-run . --config app-config.yaml --trust"),
    "dry-run . -v values.yaml --mocks x.mocks.yaml --entities entities.yaml",
    "dry-run . --secrets values.yaml --no-defaults",
    *("test", "test --update --trust", "test --junit report.xml --keep kept"),
    *("run . -y", "run . -y -v values.yaml --out out --trust"),
    *("actions --json", "actions acme:thing", "filters", "schema", "schema all -o schemas"),
    *("trust --yes", "trust --revoke", "new template x --out made -v values.yaml"),
    DEV,
)
Change = tuple[int, Any, int]


def changed(value: Any, changes: Sequence[Change]) -> Any:
    """Return a document in which something odd stands at some places, or a key is gone or misspelt."""
    root = [copy.deepcopy(value)]
    for number, shared, way in changes:
        odd = copy.deepcopy(shared)
        places = list(places_of(root))
        holder, key = places[number % len(places)]
        if way == 1 and isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        elif way == 2 and isinstance(holder, dict):
            del holder[key]
        elif way == 3 and isinstance(holder, dict):
            holder[odd if isinstance(odd, str) else "odd"] = odd
        else:
            holder[key] = odd
    return root[0]


def places_of(value: Any) -> list[tuple[Any, Any]]:
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in pairs] + [place for _, one in pairs for place in places_of(one)]


def text_of(value: Any) -> bytes:
    """JSON, which is YAML; what is text already stays as it is."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return json.dumps(value, indent=1).encode()


CHANGES = st.lists(st.tuples(st.integers(0, 200), st.sampled_from(ODD), st.integers(0, 4)), max_size=3)
CUTS = st.tuples(
    st.integers(0, 2_000),
    st.sampled_from([b"", b"\xff", b"\0", b"\t", b"'", b'"', b"{", b"&a *a", b"\n- ", b"\xed\xa0\x80"]),
)


@pytest.mark.thorough
def test_no_file_ends_a_command_of_an_author_with_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Path("skeleton").mkdir()

    @settings(max_examples=min(MOST, effort.EXAMPLES))
    @given(
        st.sampled_from(sorted(FILES)),
        CHANGES,
        st.none() | CUTS,
        st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=2),
    )
    def check(name: str, changes: Sequence[Change], cut: tuple[int, bytes] | None, commands: Sequence[str]) -> None:
        for file, value in FILES.items():
            Path(file).write_bytes(text_of(value))
        data = text_of(changed(FILES[name], changes))
        if cut:
            at = cut[0] % (len(data) + 1)
            data = data[:at] + cut[1] + data[at + 1 :]
        Path(name).write_bytes(data)
        for command in commands:
            status, shown = run(command, monkeypatch)
            assert "Traceback" not in shown, f"{command}: {shown}"
            assert "object at 0x" not in shown, f"{command}: {shown}"
            assert status in {0, 1, 2}, f"{command} ended with {status}: {shown}"

    check()


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    """Run a command line in this process, and return the exit status and what it wrote."""
    file = Path("shown")
    with monkeypatch.context() as patched, file.open("w", encoding="utf-8") as shown:
        patched.setattr(sys, "argv", ["backstage-py", *command.split()])
        patched.setattr(sys, "stdin", io.StringIO())
        patched.setattr(sys, "stdout", shown)
        patched.setattr(sys, "stderr", shown)
        try:
            if command == DEV:
                asyncio.run(dev.check(Path.cwd(), Trust.of(os.environ)))
            else:
                cli.main()
            status: Any = 0
        except SystemExit as ended:
            status = ended.code
    return status, file.read_text(encoding="utf-8")
