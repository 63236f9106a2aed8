"""``backstage-py schema``: writes JSON Schemas for editors, of templates and of authors' other files."""

import json
import sys
from pathlib import Path

from backstage_py.cli.editor import author_files
from backstage_py.cli.editor import schema as editor_schema
from backstage_py.cli.local import known_actions
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.terminal import output as output_
from backstage_py.errors import InputError
from backstage_py.lint import config
from backstage_py.lint.nearest import nearest
from backstage_py.model.json import JsonObject

OK, COULD_NOT_RUN = 0, 2
TEMPLATE, ALL = "template", "all"
KINDS = (TEMPLATE, *author_files.GLOBS, ALL)


def run(kind: str, output: Path | None, actions_from: str | None, trust: Trust) -> int:
    """Write a schema to a file, with instructions for editors, or to standard output; all of them into a folder."""
    try:
        _check(kind, output)
        if kind == ALL:
            return _write_all(output or Path(), actions_from, trust)
        text = _text(_schema(kind, actions_from, trust))
        if output is None:
            sys.stdout.write(text)
            return OK
        output_.write_file(output, text)
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    sys.stdout.write(f"Wrote {output}.\n\n{editor_schema.instructions({_glob(kind): output})}")
    return OK


def _check(kind: str, output: Path | None) -> None:
    if kind not in KINDS:
        close = nearest(kind, KINDS)
        hint = f"did you mean '{close}'?" if close else f"there are {', '.join(KINDS)}"
        raise InputError(f"there is no schema '{kind}'; {hint}")
    if kind != ALL:
        output_.check_file(output)
    elif output is None:
        raise InputError("all schemas are written into a folder; name it with --output")
    else:
        output_.check_folder(output)


def _write_all(folder: Path, actions_from: str | None, trust: Trust) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_.cannot_write(folder, error) from error
    written: dict[str, Path] = {}
    for kind in KINDS[:-1]:
        file = folder / f"{kind}.schema.json"
        output_.write_file(file, _text(_schema(kind, actions_from, trust)))
        written[_glob(kind)] = file
    names = "\n".join(f"  {file}" for file in written.values())
    sys.stdout.write(f"Wrote\n{names}\n\n{editor_schema.instructions(written)}")
    return OK


def _schema(kind: str, actions_from: str | None, trust: Trust) -> JsonObject:
    if kind != TEMPLATE:
        return author_files.schema(kind)
    return editor_schema.build(known_actions.catalogue(config.find(Path()), trust, actions_from))


def _glob(kind: str) -> str:
    return author_files.GLOBS.get(kind, "**/template.yaml")


def _text(schema: JsonObject) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
