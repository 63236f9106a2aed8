"""BPY2 and BPY7: entities that a template names outside of its form."""

from collections.abc import Iterator

from backstage_py.errors import InputError
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template
from backstage_py.model import entity_ref
from backstage_py.model.json import Json
from backstage_py.templating import tree

_FETCH = "steps:\n  - id: owner\n    action: catalog:fetch\n    input:\n      entityRef: "
_LINK = (
    "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: Done\n"
    "output:\n  links:\n    - title: Owner\n      entityRef: "
)


@rule(
    "BPY212",
    "bad-entity-ref",
    "error",
    "template",
    summary="`catalog:fetch` names an entity without its kind.",
    why="The step fails: a reference is `<kind>:[<namespace>/]<name>`, unless `defaultKind` gives the kind.",
    bad=_FETCH + "team-a\n",
    good=_FETCH + "group:team-a\n",
)
def bad_entity_ref(template: Template) -> Iterator[Finding]:
    """What is written; what expressions give is not known."""
    for step in template.steps:
        if step.action != "catalog:fetch":
            continue
        default = step.input.get("defaultKind")
        path: Path = (*step.path, "input")
        listed = step.input.get("entityRefs")
        named = [(step.input.get("entityRef"), (*path, "entityRef"))]
        named += [(one, (*path, "entityRefs", at)) for at, one in enumerate(listed if isinstance(listed, list) else ())]
        for given, where in named:
            yield from _wrong(given, where, None if default is None else str(default))


@rule(
    "BPY714",
    "bad-entity-link",
    "warning",
    "template",
    summary="A link of the output names an entity without its kind.",
    why="The page of the finished task cannot lead there: a reference is `<kind>:[<namespace>/]<name>`.",
    bad=_LINK + "team-a\n",
    good=_LINK + "group:team-a\n",
)
def bad_entity_link(template: Template) -> Iterator[Finding]:
    """What is written."""
    output = template.spec.get("output")
    links = output.get("links") if isinstance(output, dict) else None
    for index, link in enumerate(links if isinstance(links, list) else ()):
        if isinstance(link, dict):
            yield from _wrong(link.get("entityRef"), ("spec", "output", "links", index, "entityRef"), None)


def _wrong(given: Json, where: Path, default_kind: str | None) -> Iterator[Finding]:
    if not isinstance(given, str) or not given or tree.has_code(given):
        return
    try:
        entity_ref.parse(given, default_kind=default_kind)
    except InputError as error:
        needs_kind = ":" not in given and " " not in given
        fix = f"Write component:{given}, or another kind" if needs_kind else "Write it as KIND:NAMESPACE/NAME"
        yield Finding(error.message, where, fix=fix)
