"""``backstage-py schema``: writes the JSON Schema for editors."""

import json
import sys
from pathlib import Path

from backstage_py.cli.editor import schema as editor_schema
from backstage_py.cli.local import known_actions
from backstage_py.cli.local.trust import Trust
from backstage_py.cli.terminal import output as output_
from backstage_py.errors import InputError
from backstage_py.lint import config

OK, COULD_NOT_RUN = 0, 2


def run(output: Path | None, actions_from: str | None, trust: Trust) -> int:
    """Write the schema to a file, with instructions for editors, or to standard output."""
    try:
        output_.check_file(output)
        schema = editor_schema.build(known_actions.catalogue(config.find(Path()), trust, actions_from))
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        if output is None:
            sys.stdout.write(text)
            return OK
        output_.write_file(output, text)
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    sys.stdout.write(f"Wrote {output}.\n\n{editor_schema.instructions(output)}")
    return OK
