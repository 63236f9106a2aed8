"""BPY6, fifth part: files of skeletons that hold other languages, whose signs are the template language's, too."""

import re
from collections.abc import Iterator

from backstage_py.lint.fixes import escapes
from backstage_py.lint.fixes.edits import Edit
from backstage_py.lint.fixes.repair import Repair
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.skeletons import (
    WORKFLOW,
    WORKFLOW_CONTEXTS,
    at,
    escaped,
    files_with,
    has_unbalanced_comment,
)
from backstage_py.lint.skeleton import Rendering

_PLAIN_CALL = re.compile(r"(?<![$\w{])\{\{-?\s*(\w+)\(")
_PLAIN_VALUE = re.compile(r"(?<![$\w{])\{\{-?\s*(?:values|parameters)\.(\w+)[^{}]*\}\}")
_ONE_BRACE = re.compile(r"(?<![$\w{])\$\{ *(?:values|parameters)\.(\w+) *\}(?!\})")
_WITH_TEMPLATES = re.compile(
    r"\.(?:[cm]?[jt]sx?|vue|svelte|astro|kts?|groovy|gradle|scala|dart|php|rb|sh|bash|tf|hcl)\Z"
)
"""Languages that write ``${values.name}`` themselves."""
_SHELL_LENGTH = re.compile(r"\$\{#[^}\n{%]*\}")


@rule(
    "BPY603",
    "comment-sign",
    "error",
    "skeleton",
    summary="A file contains `{#`, which starts a comment of the template language.",
    why="CSS, shell (`${#list}`) and Markdown use it for other things. The task fails, or what follows "
    "disappears. Put the "
    "part between `{% raw %}` and `{% endraw %}`, or the file into `copyWithoutTemplating`.",
    bad=files_with("count=${#list[@]}\n", "skeleton/run.sh"),
    good=files_with("{% raw %}count=${#list[@]}{% endraw %}\n", "skeleton/run.sh"),
)
def comment_sign(rendering: Rendering) -> Iterator[Finding]:
    """Files that fail because of it."""
    text = rendering.text
    for problem in rendering.parsed.problems[:1] if has_unbalanced_comment(text) else ():
        fix = "Put it between {% raw %} and {% endraw %}"
        yield at(rendering, text, problem.offset, problem.message, fix, _sign(text, problem.offset))


@rule(
    "BPY604",
    "lost-text",
    "warning",
    "skeleton",
    summary="A comment of the template language that looks like something else swallows text.",
    why="Everything from `{#` to the next `#}` is left out of the result without a word.",
    bad=files_with("a=${#one}\nb=${#two#}\n", "skeleton/run.sh"),
    good=files_with("{% raw %}a=${#one}\nb=${#two#}\n{% endraw %}", "skeleton/run.sh"),
)
def lost_text(rendering: Rendering) -> Iterator[Finding]:
    """``${#`` of shells; a comment that is meant has no dollar sign."""
    if not rendering.parsed.problems:
        for found in re.finditer(r"\$\{#[^\n]*", _without_raw(rendering.text)):
            yield at(
                rendering,
                rendering.text,
                found.start(),
                "This starts a comment",
                "Put it between {% raw %} and {% endraw %}",
                _sign(rendering.text, found.start() + 1),
            )
            return


@rule(
    "BPY605",
    "unescaped-workflow-expression",
    "warning",
    "skeleton",
    summary="An expression of GitHub Actions is rendered by the template language.",
    why="`${{ github.sha }}` and `${{ secrets.TOKEN }}` become empty in the result without a word. Write "
    "`${{ '${{ github.sha }}' }}`, put the part between `{% raw %}` and `{% endraw %}`, or the file into "
    "`copyWithoutTemplating`.",
    bad=files_with("run: echo ${{ github.sha }}\n", "skeleton/.github/workflows/ci.yaml"),
    good=files_with("run: echo {% raw %}${{ github.sha }}{% endraw %}\n", "skeleton/.github/workflows/ci.yaml"),
)
def unescaped_workflow_expression(rendering: Rendering) -> Iterator[Finding]:
    """The first of each file and context, with how many there are."""
    if rendering.fetch.settings.cookiecutter:
        return
    found: dict[str, list[int]] = {}
    shown: dict[str, str] = {}
    for reference in rendering.parsed.free():
        if reference.names[0] in WORKFLOW_CONTEXTS:
            found.setdefault(reference.names[0], []).append(reference.offsets[0])
            shown.setdefault(reference.names[0], ".".join(reference.names))
    for named in rendering.parsed.named:
        if (
            named.kind == "global"
            and named.name in ("hashFiles", "toJSON", "fromJSON")
            and WORKFLOW.search(rendering.file)
        ):
            found.setdefault(named.name, []).append(named.offset)
            shown.setdefault(named.name, f"{named.name}(…)")
    for root, offsets in found.items():
        more = f" (and {len(offsets) - 1} more)" if len(offsets) > 1 else ""
        yield at(
            rendering,
            rendering.text,
            offsets[0],
            f"${{{{ {shown[root]} }}}} is rendered here and becomes empty{more}",
            "Put it between {% raw %} and {% endraw %}, or the file into copyWithoutTemplating",
            escaped(rendering),
        )


@rule(
    "BPY610",
    "forgotten-dollar",
    "warning",
    "skeleton",
    summary="A value of the fetch step stands between braces without a dollar sign, or in a single pair.",
    why="Only `${{ }}` is an expression in a skeleton; `{{ }}` is left as it is, for Helm and others. With "
    "`cookiecutterCompat` it is the other way round.",
    bad=files_with("# ${{ values.name }} is {{ values.name }}\n"),
    good=files_with("# ${{ values.name }} is {{ .Values.name }}\n"),
)
def forgotten_dollar(rendering: Rendering) -> Iterator[Finding]:
    """The first of each file, and only names that the step passes: other languages have braces too."""
    values = rendering.fetch.values
    if not values or rendering.fetch.settings.cookiecutter:
        return
    text = _without_raw(rendering.text)
    for found in _PLAIN_VALUE.finditer(text):
        before = text[: found.start()]
        if found[1] in values and before.rfind("${{") <= before.rfind("}}"):
            fix = f"Write ${{{{ values.{found[1]} }}}}"
            mended = Repair("Write a dollar sign before it", (Edit(found.start(), found.start(), "$"),), sure=False)
            yield at(rendering, rendering.text, found.start(), "This is plain text, not an expression", fix, mended)
            return
    for found in _PLAIN_CALL.finditer(text) if rendering.parsed.macros else ():
        if found[1] in rendering.parsed.macros:
            fix = f"Write ${{{{ {found[1]}(…) }}}}"
            mended = Repair("Write a dollar sign before it", (Edit(found.start(), found.start(), "$"),), sure=False)
            yield at(rendering, rendering.text, found.start(), "This is plain text, not an expression", fix, mended)
            return
    for found in () if _WITH_TEMPLATES.search(rendering.relative) else _ONE_BRACE.finditer(text):
        if found[1] in values:
            fix = f"Write ${{{{ values.{found[1]} }}}}"
            yield at(rendering, rendering.text, found.start(), "This is plain text, not an expression", fix)
            return


def _sign(text: str, offset: int) -> Repair | None:
    """The sign of a comment, or all of a shell's ``${#name}``, between tags that keep it."""
    found = _SHELL_LENGTH.match(text, offset - 1) if text[offset - 1 : offset] == "$" else None
    start, end = found.span() if found else (offset, offset + 2)
    kept = escapes.raw(text, start, end) if text[offset : offset + 2] in ("{#", "#}") else ()
    return Repair("Put it between {% raw %} and {% endraw %}", kept) if kept else None


def _without_raw(text: str) -> str:
    """The text with raw blocks blanked out, so that offsets stay."""
    return re.sub(
        r"\{%-?\s*(raw|verbatim)\s*-?%\}.*?\{%-?\s*end\1\s*-?%\}",
        lambda found: " " * len(found[0]),
        text,
        flags=re.DOTALL,
    )
