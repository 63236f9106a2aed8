"""``backstage-py config``: what becomes of each key of an app-config, what is in force, and what there is."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from backstage_py.cli.formats import ResultFormat
from backstage_py.settings import check, load, schema, show
from backstage_py.settings.check import Answer, Finding
from backstage_py.settings.config_path import shown_file

OK, PROBLEMS = 0, 1
_QUIET = (Answer.READ, Answer.OVERRIDDEN)


def check_(files: Sequence[Path], format_: ResultFormat, *, strict: bool, every: bool) -> int:
    """Write the answer to each key; return 1 when one is wrong, or with ``strict`` when one does nothing here."""
    findings = load.findings(files, os.environ)
    counts = check.counts(findings)
    if format_ is ResultFormat.JSON:
        _json({"counts": counts, "keys": [{**asdict(one), "file": shown_file(one.file)} for one in findings]})
    else:
        lines = [_line(one) for one in findings if every or one.answer not in _QUIET]
        names = ", ".join(shown_file(str(one)) for one in files or load.default_files()) or "(no files)"
        told = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no keys"
        sys.stdout.write("".join(f"{line}\n" for line in (*lines, f"{names}: {told}")))
    bad = {Answer.WRONG, *((Answer.IGNORED, Answer.UNKNOWN, Answer.UNSET) if strict else ())}
    return PROBLEMS if any(one.answer in bad for one in findings) else OK


def show_(files: Sequence[Path], format_: ResultFormat, prefix: str | None) -> int:
    """Write the settings that are in force."""
    merged = load.layered(files or load.default_files(), os.environ)
    effective = show.effective(merged, load.of_merged(merged))
    settings = [one for one in effective if not prefix or one.key.startswith(prefix)]
    if format_ is ResultFormat.JSON:
        _json({"settings": [asdict(one) for one in settings]})
        return OK
    for one in settings:
        sys.stdout.write(f"{one.key}: {_value(one.value)}  # {one.source}\n")
    return OK


def schema_() -> int:
    """Write the JSON Schema of what is read."""
    _json(schema.app_config())
    return OK


def _line(one: Finding) -> str:
    return str(one).replace(one.file, shown_file(one.file), 1)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
