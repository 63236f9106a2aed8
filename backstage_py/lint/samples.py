"""The examples of the rules as files, and the documentation that is made of them."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

from backstage_py import extras
from backstage_py.lint.actions import KnownAction, bundled_catalogue
from backstage_py.lint.check import Options
from backstage_py.lint.rule import Rule, Sample
from backstage_py.lint.rules import RULES

_OWN = (
    KnownAction("acme:greet", "installed", "An action of one's own."),
    KnownAction("kube:apply", "builtin", unavailable=f"kube:apply {extras.needs('kubernetes')}"),
    KnownAction("kubernetes:apply", "declared"),
    KnownAction("kubernetes:wait", "declared"),
)
OPTIONS = Options(bundled_catalogue().with_actions(_OWN))
"""With what the examples are checked."""

_HEAD = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: example
spec:
  type: service
  owner: team-a
"""
_LONGEST_SHOWN = 2_000
_INTRO = """\
# Rules of `backstage-py validate`

Generated from the rules themselves (`python -m backstage_py.lint.samples`, with `--pages` the page of each); the tests
run the same examples.

An `error` is what Backstage refuses (a file, a page of the form, an input, an expression of a step), or what fails when
it runs. What Backstage runs with a defined result is a `warning`, however probable the mistake; an `info` is worth
knowing.

Switch one off, or change its severity:

```yaml
# .backstage-py.yaml, or the same keys below [tool.backstage-py] in pyproject.toml
severity: {BPY201: error}
ignore: [BPY511]
```

or in the line itself, with `# backstage-py: ignore[BPY301]`; without brackets, every rule is meant.
"""


def files_of(sample: Sample) -> Mapping[str, str]:
    """Return an example as files by name; the first is the one to check."""
    if isinstance(sample, str):
        return {"template.yaml": _HEAD + textwrap.indent(sample, "  ")}
    return sample


def markdown() -> str:
    """Return the documentation of all rules."""
    rows = [
        f"| [{rule.code}](#{rule.code.lower()}) | {rule.name} | {rule.severity} | {rule.summary} |" for rule in RULES
    ]
    table = "\n".join(["| code | name | severity | what |", "|---|---|---|---|", *rows])
    return "\n".join([_INTRO, table, "", *(documentation(rule) for rule in RULES)])


def documentation(rule: Rule) -> str:
    """Return the documentation of one rule."""
    parts = [f"## {rule.code}", f"**{rule.name}** ({rule.severity}): {rule.summary}", rule.why]
    parts += ["Wrong:", _shown(rule.bad), "Right:", _shown(rule.good)]
    return "\n\n".join(parts) + "\n"


def _shown(sample: Sample) -> str:
    if isinstance(sample, str):
        return f"```yaml\n{sample.rstrip()}\n```"
    blocks = []
    for name, text in sample.items():
        shown = text if len(text) < _LONGEST_SHOWN else text[:40] + f" … ({len(text) / 1_000_000:.1f} MB)"
        printable = "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in shown)
        blocks.append(f"`{name}`\n\n````{name.rpartition('.')[2]}\n{printable.rstrip()}\n````")
    return "\n\n".join(blocks)


def pages() -> Mapping[str, str]:
    """Return the documentation as a folder: a page for each rule by its code, and a list of them."""
    rows = [f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.severity} | {rule.summary} |" for rule in RULES]
    table = "\n".join(["| code | name | severity | what |", "|---|---|---|---|", *rows])
    return {"README.md": f"{_INTRO}\n{table}\n", **{f"{rule.code}.md": _page(rule) for rule in RULES}}


def _page(rule: Rule) -> str:
    switch = (
        f"Switch it off with `ignore: [{rule.code}]` in `.backstage-py.yaml`, or with the comment "
        f"`# backstage-py: ignore[{rule.code}]` in the line. [All rules](README.md)"
    )
    return f"{documentation(rule).replace('## ', '# ', 1)}\n{switch}\n"


def _write(folder: Path) -> None:
    for old in folder.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    import sys

    _write(Path("docs/reference/rules")) if sys.argv[1:] == ["--pages"] else sys.stdout.write(markdown())
