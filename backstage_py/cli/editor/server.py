"""The language server's features: each takes what the editor asks, calls one function of the linter, and answers."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from backstage_py import __version__, threads
from backstage_py.cli.editor.findings import FIX_ALL, SOURCE, Open
from backstage_py.cli.editor.knowledge import Knowledge
from backstage_py.cli.editor.positions import Places
from backstage_py.cli.formats.text import character
from backstage_py.cli.local.trust import Trust
from backstage_py.errors import InputError
from backstage_py.lint import cases, outline, renaming
from backstage_py.lint.editing import Editing, Spot
from backstage_py.lint.outline import Symbol
from backstage_py.lint.renaming import Target

Opened = Callable[[str], Awaitable[Open]]
"""Returns the present version of a document by its URI."""

_KINDS = {
    "action": types.CompletionItemKind.Function,
    "input": types.CompletionItemKind.Property,
    "parameter": types.CompletionItemKind.Variable,
    "step": types.CompletionItemKind.Module,
    "output": types.CompletionItemKind.Field,
    "filter": types.CompletionItemKind.Operator,
    "value": types.CompletionItemKind.Value,
    "name": types.CompletionItemKind.Keyword,
}
_SYMBOLS = {
    "entity": types.SymbolKind.Module,
    "page": types.SymbolKind.Namespace,
    "parameter": types.SymbolKind.Property,
    "steps": types.SymbolKind.Array,
    "step": types.SymbolKind.Function,
    "output": types.SymbolKind.Object,
}
_CHECKS = threads.Lane(4)
_PAUSE_SECONDS = 0.15


class Diagnostics:
    """Checks documents in the background when the typing pauses, and publishes what was found."""

    def __init__(self, server: LanguageServer, opened: Opened, knowledge: Knowledge) -> None:
        self._server = server
        self._opened = opened
        self._knowledge = knowledge
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._said = ""

    def request(self, uri: str, pause: float = 0.0) -> None:
        """Check a document after a pause; a later request replaces this one."""
        self.forget(uri)
        task = asyncio.get_running_loop().create_task(self._publish(uri, pause))
        self._waiting[uri] = task
        task.add_done_callback(lambda done: self._waiting.pop(uri, None) if self._waiting.get(uri) is done else None)

    def forget(self, uri: str) -> None:
        """Do not check a document after all."""
        if waiting := self._waiting.pop(uri, None):
            waiting.cancel()

    async def _publish(self, uri: str, pause: float) -> None:
        await asyncio.sleep(pause)
        version = self._server.workspace.get_text_document(uri).version
        found = await self._opened(uri)
        shown = await _CHECKS.run(found.diagnostics)
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown, version))
        self._show_configuration_problem()

    def _show_configuration_problem(self) -> None:
        """Show once what is wrong with the configuration, for the check goes on without it."""
        said, self._said = self._said, self._knowledge.problem
        if self._said and self._said != said:
            self._server.window_show_message(types.ShowMessageParams(types.MessageType.Error, self._said))


def server(trust: Trust) -> LanguageServer:
    """Return a server with its features; it has no state but the documents that the editor has open."""
    made = LanguageServer(SOURCE, __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
    knowledge = Knowledge(trust)

    async def opened(uri: str) -> Open:
        document = made.workspace.get_text_document(uri)
        text, places, path = document.source, Places(document), path_of(uri)
        language = document.language_id or ""
        return Open(document.uri, language, text, places, path, await _CHECKS.run(partial(knowledge.of, path)))

    _follow(made, Diagnostics(made, opened, knowledge))
    _complete(made, opened)
    _explain(made, opened)
    _change(made, opened)
    return made


def _follow(made: LanguageServer, diagnostics: Diagnostics) -> None:
    @made.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        diagnostics.request(params.text_document.uri)

    @made.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        diagnostics.request(params.text_document.uri, _PAUSE_SECONDS)

    @made.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: types.DidSaveTextDocumentParams) -> None:
        diagnostics.request(params.text_document.uri)

    @made.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        diagnostics.forget(params.text_document.uri)
        made.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))


def _complete(made: LanguageServer, opened: Opened) -> None:
    @made.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[".", " ", "|", ":", "'", '"'])
    )
    async def complete(params: types.CompletionParams) -> types.CompletionList:
        found = await opened(params.text_document.uri)
        editing, spot = _editing(found, params.position)
        offset = found.places.offset(params.position)
        start = found.places.at(spot.line, editing.typed_from(spot))
        written = found.places.between(start, offset)
        items = [
            types.CompletionItem(
                one.label,
                kind=_KINDS[one.kind],
                detail=one.detail,
                documentation=types.MarkupContent(types.MarkupKind.Markdown, one.documentation),
                # an editor's own idea of a word ends at the colons of an action's id
                text_edit=types.TextEdit(written, one.label),
            )
            for one in editing.completions(spot)
        ]
        return types.CompletionList(is_incomplete=False, items=items)


def _explain(made: LanguageServer, opened: Opened) -> None:
    @made.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        found = await opened(params.text_document.uri)
        editing, spot = _editing(found, params.position)
        rules = await _CHECKS.run(partial(found.rules_at, params.position))
        text = "\n\n---\n\n".join(part for part in (editing.hover(spot), rules) if part)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    @made.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> types.Location | None:
        found = await opened(params.text_document.uri)
        editing, spot = _editing(found, params.position)
        target = editing.definition(spot)
        if target is None:
            return None
        lines = found.text.split("\n")
        column = character(lines[target.line], target.column) if target.line < len(lines) else 0
        at = found.places.at(target.line, column)
        return types.Location(found.uri, found.places.between(at, at))

    @made.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        found = await opened(params.text_document.uri)
        return [_symbol(one, found.places) for one in outline.symbols(found.text)]


def _change(made: LanguageServer, opened: Opened) -> None:
    @made.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL]),
    )
    async def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        found = await opened(params.text_document.uri)
        only = frozenset(str(getattr(one, "value", one)) for one in params.context.only or ())
        return await _CHECKS.run(partial(found.fixes, params.range, only))

    @made.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    async def prepare(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        found = await opened(params.text_document.uri)
        target = renaming.target(found.text, found.places.offset(params.position), found.options.catalogue)
        if target is None:
            return None
        return types.PrepareRenamePlaceholder(found.places.between(target.start, target.end), target.name)

    @made.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    async def rename(params: types.RenameParams) -> types.WorkspaceEdit:
        found = await opened(params.text_document.uri)
        offset = found.places.offset(params.position)
        known = found.options.catalogue
        target = renaming.target(found.text, offset, known)
        try:
            edit = found.workspace_edit(renaming.rename(found.text, offset, params.new_name, known))
        except InputError as error:
            raise JsonRpcException(error.message, types.LSPErrorCodes.RequestFailed.value) from error
        if found.path is not None and target is not None:
            beside = await _CHECKS.run(partial(_renamed_cases, made, found.path, target, params.new_name))
            edit.changes = {**(edit.changes or {}), **beside}
        return edit


def _renamed_cases(made: LanguageServer, template: Path, target: Target, new: str) -> dict[str, list[types.TextEdit]]:
    """What changes in the test files beside a template, as they are in the editor or else on the disk."""
    changes = {}
    for path in cases.beside(template):
        document = made.workspace.get_text_document(path.as_uri())
        try:
            text = document.source
        except (OSError, UnicodeDecodeError):  # it went away meanwhile, or is no text
            continue
        if edits := cases.edits(text, path, template, target, new):
            changes[document.uri] = Places(document).edits(edits)
    return changes


def _editing(found: Open, position: types.Position) -> tuple[Editing, Spot]:
    return Editing(found.text, found.options.catalogue, found.options.vocabulary), Spot(*found.places.spot(position))


def _symbol(one: Symbol, places: Places) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        one.name or "?",
        _SYMBOLS[one.kind],
        places.between(one.start, one.end),
        places.between(one.name_start, one.name_end),
        one.detail or None,
        children=[_symbol(child, places) for child in one.children],
    )


def path_of(uri: str) -> Path | None:
    """Return the path of a ``file:`` URI, None for another one."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
