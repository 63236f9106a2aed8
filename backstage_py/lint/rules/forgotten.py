"""BPY4, fourth part: delimiters and arguments that were left out."""

import re
from collections.abc import Iterator

from backstage_py.lint import types
from backstage_py.lint.fixes import repair
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.rules.skeletons import at, both, files_with
from backstage_py.lint.skeleton import Rendering
from backstage_py.lint.syntax import Named, Parsed
from backstage_py.lint.view import Template
from backstage_py.model.json import Json
from backstage_py.templating import tree

_FORM = "parameters:\n  properties:\n    name:\n      type: string\n"
_LIST = "parameters:\n  properties:\n    names:\n      type: array\n      items:\n        type: string\n"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: "
_EACH = "steps:\n  - id: log\n    each: {}\n    action: debug:log\n    input:\n      message: ${{{{ each.value }}}}\n"
_NEEDED = {
    "replace": ("the text to replace", "what comes instead"),
    "batch": ("a number",),
    "slice": ("a number",),
    "groupby": ("the name of a member",),
    "selectattr": ("the name of a member",),
    "rejectattr": ("the name of a member",),
    "pick": ("the name of a member",),
}
"""What each filter cannot do without: it gives nothing then, puts in the text "undefined", or fails."""

_CHAIN = re.compile(r"\s*(parameters|steps|secrets)((?:\.[\w-]+|\[(?:'[^'\]]+'|\"[^\"\]]+\")\])+)\s*")
_NAME = re.compile(r"[\w-]+")


@rule(
    "BPY412",
    "missing-argument",
    "warning",
    "template",
    summary="A filter lacks an argument that it cannot do without.",
    why="`replace('-')` puts the text `undefined` in place of each dash; the others give nothing, or fail.",
    bad=_FORM + _LOG + "${{ parameters.name | replace('-') }}\n",
    good=_FORM + _LOG + "${{ parameters.name | replace('-', '_') }}\n",
)
def missing_argument(template: Template) -> Iterator[Finding]:
    """Counts them, by position or by name."""
    for use in template.uses:
        for named, lacking in _incomplete(use.parsed):
            yield Finding(f"{named.name} lacks an argument: {lacking}", use.path, named.offset, fix=f"Add {lacking}")


@rule(
    "BPY613",
    "missing-argument-in-skeleton",
    "warning",
    "skeleton",
    summary="A file uses a filter without an argument that it cannot do without.",
    why="`replace('-')` puts the text `undefined` in place of each dash; the others give nothing, or fail.",
    bad=files_with("# ${{ values.name | replace('-') }}\n"),
    good=files_with("# ${{ values.name | replace('-', '_') }}\n"),
)
def missing_argument_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """The same in files and paths."""
    for parsed, text in both(rendering):
        for named, lacking in _incomplete(parsed):
            message = f"{named.name} lacks an argument: {lacking}"
            yield at(rendering, text, named.offset, message, f"Add {lacking}")


@rule(
    "BPY413",
    "missing-delimiters",
    "warning",
    "template",
    summary="A text is nothing but the name of a parameter or an output, without `${{ }}` around it.",
    why="It stays as it is written: a link leads to `steps.publish.output.remoteUrl`.",
    bad=_FORM + _LOG + "parameters.name\n",
    good=_FORM + _LOG + "${{ parameters.name }}\n",
)
def missing_delimiters(template: Template) -> Iterator[Finding]:
    """Inputs, ``each`` and output; only names that there are, as other texts may have dots too."""
    for step in template.steps:
        for key in ("each", "input"):
            yield from _bare(template, step.value.get(key), (*step.path, key))
    yield from _bare(template, template.spec.get("output"), ("spec", "output"))


@rule(
    "BPY414",
    "each-of-a-text",
    "warning",
    "template",
    summary="`each` gets a text or a number where it needs a list or an object.",
    why="The step runs once for each character of a text, and not at all for a number or `true`.",
    bad=_FORM + _EACH.format("${{ parameters.name }}"),
    good=_LIST + _EACH.format("${{ parameters.names }}"),
)
def each_of_a_text(template: Template) -> Iterator[Finding]:
    """Only where the type is sure."""
    for step in template.steps:
        given, where = step.value.get("each"), (*step.path, "each")
        plain = isinstance(given, int | float) or (isinstance(given, str) and not tree.has_code(given))
        if plain and not _CHAIN.fullmatch(str(given)):  # which has a rule of its own
            yield Finding("each needs a list or an object", where)
    for use in template.uses:
        found = types.of_use(template, use) if use.where == "each" and not use.parsed.problems else None
        if found and use.path[-1] == "each" and not found & {"array", "object"}:
            yield Finding(f"each needs a list or an object, and this is a {' or '.join(sorted(found))}", use.path)


def _incomplete(parsed: Parsed) -> Iterator[tuple[Named, str]]:
    for named in parsed.named:
        needed = _NEEDED.get(named.name, ()) if named.kind == "filter" else ()
        if named.arguments < len(needed):
            yield named, needed[named.arguments]


def _bare(template: Template, value: Json, path: Path) -> Iterator[Finding]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _bare(template, item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _bare(template, item, (*path, index))
    elif isinstance(value, str) and (found := _CHAIN.fullmatch(value)) and _is_known(template, found):
        yield Finding(
            "This is plain text, not an expression",
            path,
            fix=f"Write ${{{{ {value.strip()} }}}}",
            repair=repair.write(path, f"${{{{ {value.strip()} }}}}", sure=False),
        )


def _is_known(template: Template, found: re.Match[str]) -> bool:
    name = _NAME.search(found[2])
    known = {
        "parameters": template.form.declared,
        "steps": template.steps_by_id,
        "secrets": template.form.secrets,
    }[found[1]]
    return name is not None and name[0] in known
