"""What a rule is: its code, texts, examples, and the function that checks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backstage_py.lint.fixes import repair as repairs
from backstage_py.model.problem import Severity

Path = repairs.Path
Subject = Literal["file", "entity", "template", "fetches", "skeleton", "usage", "authored"]
Sample = str | Mapping[str, str]
"""An example: the lines below ``spec:`` of a template, or whole files by name (the first is the one to look at)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, before its line is known.

    Attributes:
        path: where in the document.
        offset: characters into the text at ``path``; None for where the value starts.
        on_key: the key is meant, not its value.
        place: line and column, where the finding is not in a YAML value.
        file: another file than the one being checked, relative to it.
        fix: what to do, in words.
        severity: where it differs from the rule's.
        repair: the same as changes of the text, where they can be made.
    """

    message: str
    path: Path = ()
    offset: int | None = None
    on_key: bool = False
    place: tuple[int, int] | None = None
    file: str | None = None
    fix: str | None = None
    severity: Severity | None = None
    repair: repairs.Repair | None = None


PAGES = "https://github.com/backstage-py/backstage-py/tree/main/docs/reference/rules"
"""Where each rule has a page, below the project's URL ``Documentation``; a test compares the two."""

Check = Callable[[Any], Iterator[Finding]]
"""Takes what the rule's subject names: a ``files.Text``, a ``documents.Entity``, a ``view.Template``, the
``skeleton.Fetch`` of a template, a ``skeleton.Rendering``, the ``skeleton.Usage`` of a fetch, or an
``author_files.Authored``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with all that the docs and the tests need."""

    code: str
    name: str
    severity: Severity
    subject: Subject
    summary: str
    why: str
    bad: Sample
    good: Sample
    check: Check

    @property
    def page(self) -> str:
        """The URL of what is written about the rule."""
        return page_of(self.code)


def page_of(code: str) -> str:
    """Return the URL of what is written about the rule with a code."""
    return f"{PAGES}/{code}.md"


def rule(
    code: str, name: str, severity: Severity, subject: Subject, *, summary: str, why: str, bad: Sample, good: Sample
) -> Callable[[Check], Rule]:
    """Make a rule of the function that looks.

    Args:
        code: ``BPY`` and three digits; never used again for another rule.
        name: for people, in kebab case.
        severity: unless a finding or the configuration says otherwise.
        subject: what the function takes.
        summary: one sentence, what is wrong.
        why: what Backstage does with it, and what to do.
        bad: an example in which exactly this rule finds something.
        good: the same, repaired; no rule finds anything in it.
    """

    def make(check: Check) -> Rule:
        return Rule(code, name, severity, subject, summary, why, bad, good, check)

    return make


def rules_of(modules: Sequence[object]) -> tuple[Rule, ...]:
    """Return the rules of the modules, by code.

    Raises:
        ValueError: two rules have the same code or name.
    """
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    for key in ("code", "name"):
        values = [getattr(one, key) for one in found]
        if doubled := {value for value in values if values.count(value) > 1}:
            raise ValueError(f"Two rules have the {key} {min(doubled)}; give one another")
    return tuple(sorted(found, key=lambda one: one.code))
