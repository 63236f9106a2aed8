"""BPY2, fifth part: inputs that an action passes on to another tool, written as that tool wants them."""

import re
from collections.abc import Iterator

from backstage_py.lint import syntax
from backstage_py.lint.fixes import repair
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Step, Template
from backstage_py.model.json import Json
from backstage_py.templating import tree

_STEP = "steps:\n  - id: names\n    action: roadiehq:utils:jsonata\n    input:\n      data: [a, b]\n      expression: "
_WITH_GIT = re.compile(r"(?:argocd:(?:application:create|create-)|cnoe:create-argocd-app|flux:)")
_OF_PICKERS = re.compile(r"[\w.-]+(?::\d+)?\?(?:owner|repo|project|organization|workspace)=")
_GIVERS = frozenset({"publish:github", "github:repo:create"})
_ROLES = {"read": "pull", "write": "push"}
_PAIRS = {")": "(", "]": "[", "}": "{"}
_QUOTED = re.compile(
    r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|/\*.*?\*/|/(?:\\.|[^/\\\s])+/[im]*(?=[,)\s])", re.DOTALL
)
"""Texts, names, comments and regular expressions, whose brackets need not be balanced."""


@rule(
    "BPY221",
    "bad-passed-input",
    "warning",
    "template",
    summary="An input is not written as the tool wants it that the action hands it to.",
    why="The step fails there: JSONata refuses the expression, Argo CD or Flux the address (they want one for git, not "
    "what a RepoUrlPicker gives), GitHub the role (it calls `read` and `write` `pull` and `push`).",
    bad=_STEP + "$count($\n",
    good=_STEP + "$count($)\n",
)
def bad_passed_input(template: Template) -> Iterator[Finding]:
    """What is written out, and what surely comes from a RepoUrlPicker."""
    for step in template.steps:
        path: Path = (*step.path, "input")
        action = step.action or ""
        if action.startswith("roadiehq:utils:jsonata"):
            yield from _unbalanced(step.input.get("expression"), (*path, "expression"))
        elif _WITH_GIT.match(action):
            yield from _no_address(template, step.input.get("repoUrl"), (*path, "repoUrl"))
        elif action in _GIVERS:
            yield from _roles(step, (*path, "collaborators"))


def _unbalanced(given: Json, path: Path) -> Iterator[Finding]:
    if not isinstance(given, str) or tree.has_code(given):
        return
    text = _QUOTED.sub(lambda found: " " * len(found[0]), given)
    opened: list[tuple[str, int]] = []
    for offset, sign in enumerate(text):
        if sign in "([{":
            opened.append((sign, offset))
        elif sign in _PAIRS and (not opened or opened.pop()[0] != _PAIRS[sign]):
            yield Finding(f'Nothing is open that this "{sign}" closes', path, offset)
            return
    if opened:
        sign, offset = opened[-1]
        yield Finding(f'This "{sign}" is never closed', path, offset)


def _no_address(template: Template, given: Json, path: Path) -> Iterator[Finding]:
    if not isinstance(given, str):
        return
    chain = syntax.static_chain(syntax.parse(given).sole) if tree.has_code(given) else None
    declared = template.form.declared.get(chain[1], ()) if chain and chain[0] == "parameters" and chain[1:] else ()
    picked = bool(declared) and all(one.schema.get("ui:field") == "RepoUrlPicker" for one in declared)
    if _OF_PICKERS.match(given) or (picked and chain and len(chain) == 2):  # noqa: PLR2004  # parameters.name
        fix = "Write its address for git, such as the output remoteUrl of the step that publishes"
        yield Finding("This is what a RepoUrlPicker gives, and no address for git", path, fix=fix)


def _roles(step: Step, path: Path) -> Iterator[Finding]:
    """Custom roles may have other names."""
    given = step.input.get("collaborators")
    for index, one in enumerate(given if isinstance(given, list) else ()):
        role = one.get("access") if isinstance(one, dict) else None
        if role in _ROLES:
            place = (*path, index, "access")
            mended = repair.write(place, _ROLES[role])
            yield Finding(f'GitHub calls "{role}" "{_ROLES[role]}"', place, fix=f"Write {_ROLES[role]}", repair=mended)
