"""What an editor gets from ``lsp`` while a template is being written, over the real protocol."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
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
PATIENCE = 120

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("language-server")]


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

    async def actions(self, marked: str, *kinds: str) -> dict[str, str]:
        """Return the titles of what is offered at the cursor, with the text that comes of each."""
        text, place = placed(marked)
        self.change(text)
        only = [types.CodeActionKind(kind) if kind == "quickfix" else kind for kind in kinds]
        found = await self.client.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(self.uri),
                types.Range(place, place),
                types.CodeActionContext([], only=only or None),
            )
        )
        offered = [one for one in found or () if isinstance(one, types.CodeAction)]
        return {one.title: edited(text, (one.edit or types.WorkspaceEdit()).changes, self.uri) for one in offered}

    async def renamed(self, marked: str, name: str) -> str:
        """Rename at the cursor."""
        text, place = placed(marked)
        self.change(text)
        found = await self.client.text_document_rename_async(
            types.RenameParams(types.TextDocumentIdentifier(self.uri), place, name)
        )
        return edited(text, found.changes if found else None, self.uri)

    async def hovered(self, marked: str) -> str:
        """Return what is shown at the cursor."""
        text, place = placed(marked)
        self.change(text)
        found = await self.client.text_document_hover_async(
            types.HoverParams(types.TextDocumentIdentifier(self.uri), place)
        )
        return found.contents.value if found and isinstance(found.contents, types.MarkupContent) else ""

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


def placed(marked: str) -> tuple[str, types.Position]:
    """Return the text without the cursor, and where that stands, in UTF-16 units."""
    before, _, after = marked.partition(CURSOR)
    start = before.rfind("\n") + 1
    return before + after, types.Position(before.count("\n"), len(before[start:].encode("utf-16-le")) // 2)


def edited(text: str, changes: Mapping[str, Sequence[types.TextEdit]] | None, uri: str) -> str:
    """Return the text with the edits of a document, which count in UTF-16 units."""
    lines = text.split("\n")

    def offset(place: types.Position) -> int:
        line = lines[place.line].encode("utf-16-le")
        return sum(len(one) + 1 for one in lines[: place.line]) + len(line[: 2 * place.character].decode("utf-16-le"))

    for edit in sorted((changes or {})[uri], key=lambda one: offset(one.range.start), reverse=True):
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


@dataclass
class Server:
    """The one server of this module, and the editor that listens to it at present."""

    client: LanguageClient
    listening: Editor | None = None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    client = LanguageClient("test", "1")
    made = Server(client)

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]  # pygls has no type for it
    def take(params: types.PublishDiagnosticsParams) -> None:
        if made.listening and made.listening.uri == params.uri:
            made.listening.published.put_nowait(params)

    @client.feature(types.WINDOW_SHOW_MESSAGE)  # type: ignore[untyped-decorator]  # as above
    def show(params: types.ShowMessageParams) -> None:
        if made.listening:
            made.listening.messages.append(params.message)

    folder = tmp_path_factory.getbasetemp()
    paths = os.pathsep.join(one for one in sys.path if one)
    environment = {**os.environ, "PYTHONPATH": paths, "BACKSTAGE_PY_TRUST": str(folder)}
    await client.start_io(sys.executable, "-m", "backstage_py.cli", "lsp", env=environment, cwd=str(folder))
    await client.initialize_async(types.InitializeParams(types.ClientCapabilities(), root_uri=folder.as_uri()))
    client.initialized(types.InitializedParams())
    yield made
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # as above


@pytest_asyncio.fixture(loop_scope="module")
async def editor(server: Server, tmp_path: Path) -> Editor:
    """An editor with a template of its own, in a folder of its own."""
    made = server.listening = Editor(server.client, (tmp_path / "template.yaml").as_uri(), asyncio.Queue())
    made.open(TEMPLATE)
    assert await made.diagnostics() == []
    return made


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


@pytest.mark.thorough
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


async def test_files_that_hold_no_entity_are_left_alone(editor: Editor, tmp_path: Path) -> None:
    """Editors show the server whatever is open: charts of Helm are no YAML, other languages are none at all."""
    for name, text in {"values.yaml": "a: {{ .Values.a }}: b\n", "a.py": "a: [\n"}.items():
        editor.uri = (tmp_path / name).as_uri()
        editor.open(text)
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


SLIPS = TEMPLATE.replace("publish:github\n", "publish:githb\n").replace("parameters.name", "parameters.nmae")


async def test_mistakes_are_mended_by_quick_fixes(editor: Editor) -> None:
    """Those of ``validate --fix``, in the editor's units, and what is probable only, which is not preferred."""
    at = SLIPS.replace("repoUrl: github.com", "repoUrl: \U0001f600").replace("parameters.nm", f"parameters.n{CURSOR}m")
    wrong = at.replace(CURSOR, "")
    assert await editor.actions(at, "quickfix") == {'Write "name" (BPY301)': wrong.replace("nmae", "name")}
    all_of_it = wrong.replace("nmae", "name").replace("githb", "github")
    assert await editor.actions(at, "source.fixAll") == {"Fix all (backstage-py)": all_of_it}
    assert len(await editor.actions(at)) == 2

    unsure = TEMPLATE.replace("      action", f"      if: 'fa{CURSOR}lse'\n      action")
    assert await editor.actions(unsure) == {
        "Write if: false, so that the step never runs (BPY115)": unsure.replace(CURSOR, "").replace("'false'", "false")
    }
    assert await editor.actions(TEMPLATE.replace("publish:git", f"publish{CURSOR}:git")) == {}


async def test_files_of_a_skeleton_are_checked_as_the_template_around_renders_them(
    editor: Editor, tmp_path: Path
) -> None:
    fetch = (
        "    - id: fetch\n      action: fetch:template\n      input: {url: ./skeleton, values: {name: a}}\n  output:\n"
    )
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("  output:\n", fetch))
    (tmp_path / "skeleton").mkdir()
    editor.uri = (tmp_path / "skeleton/ci.yaml").as_uri()
    editor.open("a: ${{ github.sha }}\n")

    assert [one.code for one in await editor.diagnostics()] == ["BPY605"]
    assert await editor.actions(f"a: ${{{{ git{CURSOR}hub.sha }}}}\n", "quickfix") == {
        "Escape the expressions of GitHub Actions (BPY605)": "a: {% raw %}${{ github.sha }}{% endraw %}\n"
    }


async def test_steps_are_renamed_and_listed(editor: Editor, tmp_path: Path) -> None:
    marked = TEMPLATE.replace("id: publish", f"id: pub{CURSOR}lish")
    renamed = TEMPLATE.replace("id: publish", "id: make-it").replace("steps.publish", "steps['make-it']")
    assert await editor.renamed(marked, "make-it") == renamed
    identifier = types.TextDocumentIdentifier(editor.uri)
    where = types.Position(9, 12)
    found = await editor.client.text_document_prepare_rename_async(types.PrepareRenameParams(identifier, where))
    assert isinstance(found, types.PrepareRenamePlaceholder)
    assert (found.placeholder, found.range.start.character) == ("publish", 10)
    with pytest.raises(JsonRpcException, match='"a b" cannot be a name'):
        await editor.renamed(marked, "a b")

    tests = tmp_path / "template.test.yaml"
    tests.write_text("cases:\n  - expect: {steps: {publish: skipped}}\n")
    found_edits = await editor.client.text_document_rename_async(types.RenameParams(identifier, where, "ship"))
    assert found_edits
    assert edited(tests.read_text(), found_edits.changes, tests.as_uri()).endswith("{steps: {ship: skipped}}\n")

    symbols = await editor.client.text_document_document_symbol_async(types.DocumentSymbolParams(identifier))
    (entity,) = (one for one in symbols or () if isinstance(one, types.DocumentSymbol))
    assert [one.name for one in entity.children or ()] == ["page 1", "publish", "output"]


EXPLAINED = [
    (f"parameters.name | low{CURSOR}er }}}}", "${{ 'HELLO' | lower }}   {# hello #}", "nunjucks"),
    (f"parameters.name | parse{CURSOR}RepoUrl }}}}", "filter `parseRepoUrl` of Backstage", "templating-extensions"),
    (f"parameters.nm{CURSOR}ae }}}}", "**BPY301** undeclared-parameter", "rules/BPY301.md"),
    (f"parameters.name }}}} # backstage-py: ignore[BPY{CURSOR}405]", "**BPY405** dash-is-minus", "rules/BPY405.md"),
]
"""What stands in an expression, what is shown at the cursor, and where the link at its end leads."""


async def test_filters_and_rules_are_explained(editor: Editor) -> None:
    for marked, shown, link in EXPLAINED:
        text = await editor.hovered(TEMPLATE.replace("parameters.name }}", marked))

        assert shown in text
        assert link in text.rpartition("](")[2]


async def test_form_fields_are_explained_and_their_keys_completed(editor: Editor) -> None:
    form = "  parameters:\n    - properties:\n        name:\n          type: string\n          PLACE\n"
    text = TEMPLATE.replace("  parameters:\n    - properties: {name: {type: string}}\n", form)
    shown = await editor.hovered(text.replace("PLACE", f"ui:field: Owner{CURSOR}Picker"))
    assert "field `OwnerPicker`" in shown
    assert "ui-options-examples#ownerpicker" in shown
    assert "below the field" in await editor.hovered(text.replace("PLACE", f"ui:h{CURSOR}elp: a"))

    assert await editor.completed(text.replace("PLACE", f"ui:au{CURSOR}"), "ui:autofocus") == "ui:autofocus"
    assert await editor.completed(text.replace("PLACE", f"ma{CURSOR}"), "maxLength") == "maxLength"
    options = f"ui:field: RepoUrlPicker\n          ui:options:\n            al{CURSOR}"
    assert await editor.completed(text.replace("PLACE", options), "allowedOwners") == "allowedOwners"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("last", "status"),
    [(["shutdown", "exit"], 0), ([], 0), (["exit"], 1)],
    ids=["as the protocol says", "closed", "without shutdown"],
)
async def test_it_ends_cleanly(last: list[str], status: int) -> None:
    """The status is the protocol's; nothing is said on standard error."""
    messages: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": {"capabilities": {}}},
        {"method": "initialized", "params": {}},
    ]
    messages += [{"id": 2, "method": name} if name == "shutdown" else {"method": name} for name in last]
    bodies = [json.dumps({"jsonrpc": "2.0", **one}).encode() for one in messages]
    sent = b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(one), one) for one in bodies)

    ended = subprocess.run(
        [sys.executable, "-m", "backstage_py.cli", "lsp"],
        input=sent,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (status, b"")
    assert b'"codeActionProvider"' in ended.stdout
