"""BPY9: the files that an author writes for this program: tests, mocks, the configuration.

It is found by what reads them, ``backstage_py.lint.config`` and the readers of ``backstage-py test``; the rules give it
codes, severities and pages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backstage_py.lint.rule import Finding, rule
from backstage_py.model.yaml import Document

_TEMPLATE = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata:\n  name: web\nspec:\n  type: service\n"
    "  owner: team-a\n  parameters:\n    properties:\n      size: {type: string, enum: [small, large]}\n"
    "  steps:\n    - id: log\n      action: debug:log\n      input: {message: '${{ parameters.size }}'}\n"
)
_TESTS = "cases:\n  - name: a small one\n    values: {size: small}\n    expect:\n      steps: {log: completed}\n"

Kind = Literal["config", "form", "fit"]


@dataclass(frozen=True, slots=True)
class Authored:
    """What is wrong with a file, by kind: of its keys and values (``config``, ``form``), or with what it is for."""

    document: Document | None
    findings: tuple[tuple[Kind, Finding], ...]

    def of(self, kind: Kind) -> Iterator[Finding]:
        """Yield the findings of a kind."""
        return (finding for one, finding in self.findings if one == kind)


@rule(
    "BPY901",
    "wrong-configuration",
    "error",
    "authored",
    summary="`.backstage-py.yaml` has a key or value that means nothing.",
    why="Other commands stop at it; `validate` goes on with the rest, so other findings may be due to it.",
    bad={".backstage-py.yaml": "severty: {BPY511: off}\n"},
    good={".backstage-py.yaml": "severity: {BPY511: off}\n"},
)
def wrong_configuration(authored: Authored) -> Iterator[Finding]:
    """What its reader refuses."""
    return authored.of("config")


@rule(
    "BPY902",
    "wrong-test-file",
    "error",
    "authored",
    summary="A test file, or one with mocks, has a key or value that means nothing.",
    why="`backstage-py test` runs nothing of it. The keys are explained in `docs/testing.md`.",
    bad={"template.test.yaml": _TESTS.replace("expect:", "expects:"), "template.yaml": _TEMPLATE},
    good={"template.test.yaml": _TESTS, "template.yaml": _TEMPLATE},
)
def wrong_test_file(authored: Authored) -> Iterator[Finding]:
    """What its reader refuses."""
    return authored.of("form")


@rule(
    "BPY903",
    "test-fits-no-template",
    "error",
    "authored",
    summary="A test names a step, an action, a value or a finding that its template does not have.",
    why="The case fails whatever the template does: its steps, mocks and values are those of the template.",
    bad={"template.test.yaml": _TESTS.replace("small}", "tiny}"), "template.yaml": _TEMPLATE},
    good={"template.test.yaml": _TESTS, "template.yaml": _TEMPLATE},
)
def fits_no_template(authored: Authored) -> Iterator[Finding]:
    """What the template shows of it without a run."""
    return authored.of("fit")
