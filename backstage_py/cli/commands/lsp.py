"""``backstage-py lsp``: a language server over the linter, on standard input and output."""

import asyncio
import re
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.workspace import TextDocument

from backstage_py import __version__, threads
from backstage_py.cli.editor.knowledge import Knowledge
from backstage_py.cli.formats.text import character
from backstage_py.cli.local.trust import Trust
from backstage_py.lint.check import check_text
from backstage_py.lint.editing import Editing, Spot
from backstage_py.model.problem import Problem

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "info": types.DiagnosticSeverity.Information,
}
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
_CHECKS = threads.Lane(4)
_PAUSE_SECONDS = 0.15
_TOKEN = re.compile(r"[\w:./@-]+|.")


def run(trust: Trust) -> int:
    """Serve until the editor ends the session."""
    from backstage_py import logging

    logging.configure("error")  # on standard error: standard output is the editor's
    server(trust).start_io()
    return 0


class Diagnostics:
    """Checks documents in the background when the typing pauses, and publishes what was found."""

    def __init__(self, server: LanguageServer, knowledge: Knowledge) -> None:
        self._server = server
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
        document = self._server.workspace.get_text_document(uri)
        source, version = document.source, document.version
        problems = await _CHECKS.run(partial(self._problems, source, uri))
        shown = [_diagnostic(one, document) for one in problems]
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown, version))
        self._show_configuration_problem()

    def _problems(self, source: str, uri: str) -> list[Problem]:
        path = path_of(uri)
        name = str(path or uri)
        return [one for one in check_text(source, name, self._knowledge.of(path), path=path) if one.file == name]

    def _show_configuration_problem(self) -> None:
        """Show once what is wrong with the configuration, for the check goes on without it."""
        said, self._said = self._said, self._knowledge.problem
        if self._said and self._said != said:
            self._server.window_show_message(types.ShowMessageParams(types.MessageType.Error, self._said))


def server(trust: Trust) -> LanguageServer:
    """Return a server with its features; it has no state but the documents that the editor has open."""
    made = LanguageServer("backstage-py", __version__)
    knowledge = Knowledge(trust)
    diagnostics = Diagnostics(made, knowledge)

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

    async def opened_at(uri: str, position: types.Position) -> tuple[TextDocument, Editing, Spot]:
        document = made.workspace.get_text_document(uri)
        options = await _CHECKS.run(partial(knowledge.of, path_of(uri)))
        found = document.position_codec.position_from_client_units(document.lines, position)
        return (
            document,
            Editing(document.source, options.catalogue, options.vocabulary),
            Spot(found.line, found.character),
        )

    @made.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[".", " ", "|", ":", "'", '"'])
    )
    async def complete(params: types.CompletionParams) -> types.CompletionList:
        document, editing, spot = await opened_at(params.text_document.uri, params.position)
        start = _position(document, spot.line, editing.typed_from(spot))
        written = types.Range(start, _position(document, spot.line, spot.column))
        items = [
            types.CompletionItem(
                one.label,
                kind=_KINDS[one.kind],
                detail=one.detail,
                documentation=one.documentation,
                # an editor's own idea of a word ends at the colons of an action's id
                text_edit=types.TextEdit(written, one.label),
            )
            for one in editing.completions(spot)
        ]
        return types.CompletionList(is_incomplete=False, items=items)

    @made.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        _, editing, spot = await opened_at(params.text_document.uri, params.position)
        text = editing.hover(spot)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    @made.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> types.Location | None:
        document, editing, spot = await opened_at(params.text_document.uri, params.position)
        target = editing.definition(spot)
        if target is None:
            return None
        text = document.lines[target.line] if target.line < len(document.lines) else ""
        place = _position(document, target.line, character(text, target.column))
        return types.Location(params.text_document.uri, types.Range(place, place))

    return made


def path_of(uri: str) -> Path | None:
    """Return the path of a ``file:`` URI, None for another one."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _diagnostic(problem: Problem, document: TextDocument) -> types.Diagnostic:
    line = problem.line - 1
    text = document.lines[line].rstrip("\r\n") if line < len(document.lines) else ""
    column = character(text, problem.column - 1)
    token = _TOKEN.match(text, column)
    end = token.end() if token else column + 1
    return types.Diagnostic(
        range=types.Range(_position(document, line, column), _position(document, line, end)),
        message=f"{problem.message}\n{problem.fix}" if problem.fix else problem.message,
        severity=_SEVERITIES[problem.severity],
        code=problem.code,
        source="backstage-py",
    )


def _position(document: TextDocument, line: int, column: int) -> types.Position:
    """Return a place in the units that the editor counts in, from one in characters."""
    if not 0 <= line < len(document.lines):
        return types.Position(line, column)
    return document.position_codec.position_to_client_units(document.lines, types.Position(line, column))
