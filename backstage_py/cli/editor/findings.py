"""What is found in an open document: as a file of its own, or as one that the templates around it render."""

import re
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types

from backstage_py.cli.editor.positions import Places
from backstage_py.cli.formats.text import character
from backstage_py.lint import check, documents, explaining, files, neighbours
from backstage_py.lint.check import Found, Options
from backstage_py.lint.fixes import edits as changes
from backstage_py.lint.fixes import rounds
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.rule import page_of
from backstage_py.model.problem import Problem

SOURCE = "backstage-py"
FIX_ALL = f"{types.CodeActionKind.SourceFixAll.value}.{SOURCE}"
_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "info": types.DiagnosticSeverity.Information,
}
_TOKEN = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|[\w:./@-]+|.")


@dataclass(frozen=True, slots=True)
class Open:
    """One version of a document; ``path`` is None where it lies in no file."""

    uri: str
    language: str
    text: str
    places: Places
    path: Path | None
    options: Options

    @property
    def name(self) -> str:
        """How problems name it."""
        return str(self.path or self.uri)

    def found(self, text: str | None = None) -> list[Found]:
        """Return what is found in the document, or would be with another text."""
        text = self.text if text is None else text
        found = check.look(text, self.name, self.options, path=self.path) if self._holds_entities(text) else []
        if self.path is not None and not any(check.templates(text, self.options)):
            found += neighbours.found_in(text, self.path, self.options)
        return [one for one in found if one.problem.file == self.name]

    def _holds_entities(self, text: str) -> bool:
        """Whether it is a template or catalog file: an editor shows us whatever is open in it."""
        if self.path is None:
            return self.language == "yaml"
        is_yaml = self.path.suffix in (".yaml", ".yml")
        return is_yaml and (self.path.name in files.ENTITY_NAMES or documents.is_ours(text))

    def diagnostics(self) -> list[types.Diagnostic]:
        """Return the problems of the document, each once."""
        return [self._diagnostic(one) for one in sorted({found.problem for found in self.found()})]

    def fixes(self, wanted: types.Range, only: frozenset[str]) -> list[types.CodeAction]:
        """Return what mends the findings of a range, the sure ones first, and what mends all of them.

        Args:
            wanted: of the document.
            only: the kinds that the editor asks for; empty for all.
        """
        actions: list[types.CodeAction] = []
        if _asks(only, types.CodeActionKind.QuickFix.value):
            actions += self._quick_fixes(wanted)
        if _asks(only, FIX_ALL):
            after = rounds.mend(self.text, self.found).text
            if after != self.text:
                edit = self.workspace_edit(changes.between(self.text, after))
                actions.append(types.CodeAction(f"Fix all ({SOURCE})", FIX_ALL, edit=edit))
        return actions

    def workspace_edit(self, edits: tuple[Edit, ...]) -> types.WorkspaceEdit:
        """Return edits of the document as the editor takes them."""
        return types.WorkspaceEdit({self.uri: self.places.edits(edits)})

    def _quick_fixes(self, wanted: types.Range) -> list[types.CodeAction]:
        seen: set[tuple[str, tuple[Edit, ...]]] = set()
        actions = []
        for one in sorted(self.found(), key=lambda found: found.problem):
            shown = self._diagnostic(one.problem)
            repair = one.finding.repair
            if repair is None or not _touches(shown.range, wanted):
                continue
            edits = rounds.edits_of(self.text, one)
            if edits and (repair.title, edits) not in seen:
                seen.add((repair.title, edits))
                actions.append(
                    types.CodeAction(
                        f"{repair.title} ({one.problem.code})",
                        types.CodeActionKind.QuickFix,
                        diagnostics=[shown],
                        is_preferred=repair.sure,
                        edit=self.workspace_edit(edits),
                    )
                )
        return sorted(actions, key=lambda action: not action.is_preferred)

    def _diagnostic(self, problem: Problem) -> types.Diagnostic:
        lines = self.text.split("\n")
        line = problem.line - 1
        text = lines[line].rstrip("\r") if line < len(lines) else ""
        column = character(text, problem.column - 1)
        token = _TOKEN.match(text, column)
        start = self.places.at(line, column)
        return types.Diagnostic(
            range=self.places.between(start, start + (token.end() - column if token else 1)),
            message=f"{problem.message}\n{problem.fix}" if problem.fix else problem.message,
            severity=_SEVERITIES[problem.severity],
            code=problem.code,
            code_description=types.CodeDescription(page_of(problem.code)),
            source=SOURCE,
        )

    def rules_at(self, position: types.Position) -> str:
        """Return the rules of what is found at a position, or of the codes that are written there, in Markdown."""
        here = types.Range(position, position)
        codes = [str(one.code) for one in self.diagnostics() if _touches(one.range, here)]
        line, column = self.places.spot(position)
        written = re.finditer(r"BPY\d{3}", self.text.split("\n")[line])
        codes += [one[0] for one in written if one.start() <= column <= one.end()]
        texts = (explaining.rule_text(code) for code in dict.fromkeys(codes))
        return "\n\n---\n\n".join(text for text in texts if text)


def _asks(only: frozenset[str], kind: str) -> bool:
    """Whether a kind is asked for: by itself, or by one above it."""
    return not only or any(kind == one or kind.startswith(f"{one}.") for one in only)


def _touches(one: types.Range, other: types.Range) -> bool:
    return _order(one.start) <= _order(other.end) and _order(other.start) <= _order(one.end)


def _order(position: types.Position) -> tuple[int, int]:
    return position.line, position.character
