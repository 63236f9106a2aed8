"""SARIF 2.1.0, as code scanning services take it."""

import json
from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import quote

from backstage_py import __version__
from backstage_py.lint.rule import PAGES
from backstage_py.lint.rules import RULES
from backstage_py.model.json import JsonObject
from backstage_py.model.problem import Mending, Problem

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def render(problems: Sequence[Problem]) -> str:
    """Return one SARIF log with one run."""
    driver = {
        "name": "backstage-py",
        "semanticVersion": __version__,
        "informationUri": PAGES,
        "rules": [
            {
                "id": rule.code,
                "name": rule.name,
                "shortDescription": {"text": rule.summary},
                "help": {"text": rule.why},
                "helpUri": rule.page,
                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            }
            for rule in RULES
        ],
    }
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": [_result(one) for one in problems]}
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _result(problem: Problem) -> JsonObject:
    index = next(i for i, rule in enumerate(RULES) if rule.code == problem.code)
    text = f"{problem.message}. {problem.fix}" if problem.fix else problem.message
    region = {"startLine": problem.line, "startColumn": problem.column}
    artifact = {"uri": _uri(PurePath(problem.file))}
    location = {"artifactLocation": artifact, "region": region}
    fixes = {"fixes": [_fix(problem.mending, artifact)]} if problem.mending else {}
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": _LEVELS[problem.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
        **fixes,
    }


def _fix(mending: Mending, artifact: JsonObject) -> JsonObject:
    replacements = [
        {
            "deletedRegion": {
                "startLine": one.start_line,
                "startColumn": one.start_column,
                "endLine": one.end_line,
                "endColumn": one.end_column,
            },
            "insertedContent": {"text": one.text},
        }
        for one in mending.replacements
    ]
    change = {"artifactLocation": artifact, "replacements": replacements}
    return {"description": {"text": mending.title}, "artifactChanges": [change]}


def _uri(path: PurePath) -> str:
    """Return a reference relative to where the run began, as code scanning wants it; of a path elsewhere, a URI."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
