"""What an editor gets from ``lsp`` while a template is being written, over the real protocol."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  owner: platform
  type: service
  parameters:
    - properties: {name: {type: string}}
  steps:
    - id: publish
      name: Publish
      action: publish:github
      input:
        repoUrl: github.com?owner=acme&repo=${{ parameters.name }}
  output:
    links: [{title: Repository, url: "${{ steps.publish.output.remoteUrl }}"}]
"""
CURSOR = "▮"
PATIENCE = 30


@dataclass
class Editor:
    """One open document, and what the server told of it."""

    client: LanguageClient
    uri: str
    published: "asyncio.Queue[types.PublishDiagnosticsParams]"
    messages: list[str] = field(default_factory=list)
    version: int = 1

    def open(self, text: str) -> None:
        document = types.TextDocumentItem(self.uri, "yaml", self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(document))

    def change(self, text: str) -> None:
        self.version += 1
        document = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

    async def diagnostics(self) -> list[types.Diagnostic]:
        """Return those of the present version."""
        while True:
            found = await asyncio.wait_for(self.published.get(), PATIENCE)
            if found.version == self.version:
                return list(found.diagnostics)

    async def completed(self, marked: str, label: str) -> str:
        """Complete at the cursor, accept a label, and return the line as it is then."""
        before, _, after = marked.partition(CURSOR)
        line, start = before.count("\n"), before.rfind("\n") + 1
        self.change(before + after)
        place = types.Position(line, len(before[start:].encode("utf-16-le")) // 2)
        offered = await self.client.text_document_completion_async(
            types.CompletionParams(types.TextDocumentIdentifier(self.uri), place)
        )
        assert isinstance(offered, types.CompletionList)
        chosen = next((one for one in offered.items if one.label == label), None)
        assert chosen is not None, [one.label for one in offered.items]
        assert isinstance(chosen.text_edit, types.TextEdit)
        units = (before + after).split("\n")[line].encode("utf-16-le")
        written = chosen.text_edit.range
        edited = (
            units[: 2 * written.start.character]
            + chosen.text_edit.new_text.encode("utf-16-le")
            + units[2 * written.end.character :]
        )
        return edited.decode("utf-16-le").strip()


@pytest.fixture
async def editor(tmp_path: Path) -> AsyncIterator[Editor]:
    client = LanguageClient("test", "1")
    made = Editor(client, (tmp_path / "template.yaml").as_uri(), asyncio.Queue())

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]  # pygls has no type for it
    def take(params: types.PublishDiagnosticsParams) -> None:
        made.published.put_nowait(params)

    @client.feature(types.WINDOW_SHOW_MESSAGE)  # type: ignore[untyped-decorator]  # as above
    def show(params: types.ShowMessageParams) -> None:
        made.messages.append(params.message)

    paths = os.pathsep.join(one for one in sys.path if one)
    environment = {**os.environ, "PYTHONPATH": paths, "BACKSTAGE_PY_TRUST": str(tmp_path)}
    await client.start_io(sys.executable, "-m", "backstage_py.cli", "lsp", env=environment, cwd=str(tmp_path))
    await client.initialize_async(types.InitializeParams(types.ClientCapabilities(), root_uri=tmp_path.as_uri()))
    client.initialized(types.InitializedParams())
    made.open(TEMPLATE)
    assert await made.diagnostics() == []
    yield made
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # as above


COMPLETED = [
    ("publish:github\n", f"publish:gitl{CURSOR}\n", "publish:gitlab", "action: publish:gitlab"),
    ("      input:\n", f"      in{CURSOR}:\n      input:\n", "if", "if:"),
    ("  output:\n", f"    - {CURSOR}\n  output:\n", "action", "- action"),
    (
        "  output:\n",
        f"    - id: log\n      action: debug:log\n      input:\n        mes{CURSOR}\n  output:\n",
        "message",
        "message",
    ),
    (
        "  output:\n",
        f"        repoVisibility: int{CURSOR}\n  output:\n",
        "internal",
        "repoVisibility: internal",
    ),
    (
        "  output:\n",
        f"        description: \U0001f600 ${{{{ parameters.na{CURSOR}\n  output:\n",
        "name",
        "description: \U0001f600 ${{ parameters.name",
    ),
    ("remoteUrl }}", f"rem{CURSOR} }}}}", "remoteUrl", TEMPLATE.splitlines()[-1].strip()),
    (
        "parameters.name }}",
        f"parameters.name | lo{CURSOR} }}}}",
        "lower",
        "repoUrl: github.com?owner=acme&repo=${{ parameters.name | lower }}",
    ),
]
"""What stands in the template, what is typed in its place, the label that is accepted, the line that comes of it."""


async def test_half_typed_words_are_completed(editor: Editor) -> None:
    for written, marked, label, line in COMPLETED:
        assert await editor.completed(TEMPLATE.replace(written, marked, 1), label) == line


async def test_diagnostic_covers_the_word_that_is_wrong(editor: Editor) -> None:
    editor.change(TEMPLATE.replace("acme&repo=${{ parameters.name }}", "\U0001f600${{ parameters.nam }}"))

    (found,) = (one for one in await editor.diagnostics() if one.code == "BPY301")

    line = "        repoUrl: github.com?owner=\U0001f600${{ parameters.nam }}"
    start = line.index("nam }}") + 1  # the character before it has two units
    assert (found.range.start.character, found.range.end.character) == (start, start + 3)


async def test_only_the_last_of_many_changes_is_checked(editor: Editor) -> None:
    for count in range(50):
        editor.change(TEMPLATE + "#" * count)

    await editor.diagnostics()

    assert editor.published.empty()


async def test_broken_yaml_is_a_diagnostic_and_an_empty_text_is_none(editor: Editor) -> None:
    editor.change(TEMPLATE + "  bad: [\n")
    assert [one.code for one in await editor.diagnostics()] == ["BPY002"]

    editor.change("")
    assert await editor.diagnostics() == []


async def test_wrong_configuration_is_shown_once_and_the_check_goes_on(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / ".backstage-py.yaml").write_text("severty: {}\n")
    wrong = TEMPLATE.replace("publish:github\n", "publish:githb\n")

    for _ in range(100):
        editor.change(wrong)
        assert "BPY201" in [one.code for one in await editor.diagnostics()]
        if editor.messages:
            break
    editor.change(wrong)
    await editor.diagnostics()

    (message,) = editor.messages
    assert "unknown key 'severty'; did you mean severity?" in message


async def test_actions_of_the_project_follow_their_files(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / ".backstage-py.yaml").write_text("actions-folder: actions\n")
    source = "from backstage_py.plugin import action\n\n\n@action('acme:NAME')\ndef run(ctx):\n    'Runs.'\n"

    for name in ("one", "two"):
        (tmp_path / "actions" / "own.py").write_text(source.replace("NAME", name))
        using = TEMPLATE.replace("publish:github\n", f"acme:{name}\n")
        for _ in range(100):
            editor.change(using)
            if "BPY201" not in [one.code for one in await editor.diagnostics()]:
                break
        else:
            pytest.fail(f"acme:{name} stays unknown")
