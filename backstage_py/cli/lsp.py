"""``backstage-py lsp``: a language server over the linter, on standard input and output."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from backstage_py import __version__
from backstage_py.cli import known_actions
from backstage_py.errors import InputError
from backstage_py.lint import config as configs
from backstage_py.lint.check import Options, check_text
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


def run() -> int:
    """Serve until the editor says to end."""
    server().start_io()
    return 0


def server() -> LanguageServer:
    """Return a server with its features; it has no state but the documents that the editor has open."""
    made = LanguageServer("backstage-py", __version__)

    def publish(uri: str) -> None:
        document = made.workspace.get_text_document(uri)
        path = path_of(uri)
        problems = check_text(document.source, str(path or uri), _options(path), path=path)
        own = [_diagnostic(one) for one in problems if one.file == str(path or uri)]
        made.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, own, document.version))

    @made.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @made.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @made.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @made.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        made.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))

    def editing(uri: str) -> Editing:
        return Editing(made.workspace.get_text_document(uri).source, _options(path_of(uri)).catalogue)

    @made.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[".", " ", "|", ":", "'", '"'])
    )
    def complete(params: types.CompletionParams) -> types.CompletionList:
        found = editing(params.text_document.uri).completions(_spot(params.position))
        items = [
            types.CompletionItem(one.label, kind=_KINDS[one.kind], detail=one.detail, documentation=one.documentation)
            for one in found
        ]
        return types.CompletionList(is_incomplete=False, items=items)

    @made.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        text = editing(params.text_document.uri).hover(_spot(params.position))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    @made.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        spot = editing(params.text_document.uri).definition(_spot(params.position))
        if spot is None:
            return None
        place = types.Position(spot.line, spot.column)
        return types.Location(params.text_document.uri, types.Range(place, place))

    return made


def path_of(uri: str) -> Path | None:
    """Return the path of a ``file:`` URI, None for another one."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _options(path: Path | None) -> Options:
    try:
        config = configs.find(path.parent if path else Path())
        return Options(known_actions.catalogue(config), config.vocabulary, config.levels)
    except InputError:
        return Options()


def _diagnostic(problem: Problem) -> types.Diagnostic:
    start = types.Position(problem.line - 1, problem.column - 1)
    end = types.Position(problem.line - 1, problem.column)
    return types.Diagnostic(
        range=types.Range(start, end),
        message=f"{problem.message}\n{problem.fix}" if problem.fix else problem.message,
        severity=_SEVERITIES[problem.severity],
        code=problem.code,
        source="backstage-py",
    )


def _spot(position: types.Position) -> Spot:
    return Spot(position.line, position.character)
