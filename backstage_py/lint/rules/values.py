"""BPY6, third part: what fetch steps pass to their skeletons."""

from collections.abc import Iterator

from backstage_py.lint import syntax
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.skeletons import files_with
from backstage_py.lint.skeleton import Usage

_STEP = """apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: example
spec:
  type: service
  parameters:
    properties:
      title:
        type: string
  steps:
    - id: fetch
      action: fetch:template
      input:
        url: ./skeleton
        values:
          {}: ${{{{ parameters.title }}}}
"""


@rule(
    "BPY612",
    "misspelled-value",
    "warning",
    "usage",
    summary="A fetch step passes a value that no file uses, and not the one of nearly the same name that they use.",
    why="The value that the files use is undefined, so the text is empty there.",
    bad=files_with("# ${{ values.title if values.title }}\n", template=_STEP.format("titel")),
    good=files_with("# ${{ values.title if values.title }}\n", template=_STEP.format("title")),
)
def misspelled_value(usage: Usage) -> Iterator[Finding]:
    """Only where the value is that of the parameter with the name that the files use: else they may be wrong."""
    passed = usage.fetch.values or frozenset()
    if None in usage.used:
        return
    lacking = {name for name in usage.used if name is not None} - passed
    for name in sorted(passed - usage.used):
        close = misspelled(name, lacking)
        value = usage.fetch.step.input["values"].get(name)
        if close and isinstance(value, str) and ("parameters", close) in _names(value):
            place = (*usage.fetch.step.path, "input", "values", name)
            yield Finding(
                f'No file of the skeleton uses "{name}"; they use "{close}"',
                place,
                on_key=True,
                fix=f'Did you mean "{close}"?',
                repair=repair.rename(place, close, sure=False),
            )


def _names(value: str) -> set[tuple[str, ...]]:
    return {reference.names[:2] for reference in syntax.parse(value).references}
