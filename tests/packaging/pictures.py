"""The picture in the README: what ``backstage-py validate`` shows in a terminal, as SVG that needs nothing else.

``python -m tests.packaging.pictures > docs/validate.svg`` draws it again.
"""

import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from backstage_py.cli.commands.validate import ValidateOptions, find
from backstage_py.cli.formats import text
from backstage_py.cli.local.trust import Trust

COLUMNS = 100
FILES = {
    "template.yaml": """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: service
spec:
  owner: team-a
  type: service
  parameters:
    - properties:
        name: {type: string}
        port: {type: integer}
  steps:
    - id: fetch
      name: Fetch
      action: fetch:template
      input:
        url: ./skeleton
        values:
          name: ${{ parameters.nmae | lowre }}
    - id: publish
      name: Publish
      action: publish:github
      if: ${{ parameters.port || 80 }}
      input:
        repoURL: github.com?owner=acme&repo=${{ parameters.name }}
  output:
    links:
      - title: Repository
        url: ${{ steps.publsh.output.remoteUrl }}
""",
    "skeleton/README.md": "# ${{ values.name }}\n",
}
_FONTS = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)


def validate_svg() -> str:
    """Return the picture."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        for path, content in FILES.items():
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text(content, encoding="utf-8")
        problems = find([Path()], ValidateOptions(trust=Trust.of({"XDG_CONFIG_HOME": name})))
        console = Console(
            record=True,
            width=COLUMNS,
            force_terminal=True,
            color_system="truecolor",
            file=io.StringIO(),
            highlight=False,
        )
        console.print("[bold]$[/] backstage-py validate", highlight=False)
        text.show(problems, console)
    drawn = console.export_svg(title="backstage-py validate", unique_id="validate")
    lines = _FONTS.sub("", drawn).replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas").splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(validate_svg())
