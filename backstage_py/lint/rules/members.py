"""BPY3, second part: members that what is known by its shape does not have."""

from collections.abc import Iterator, Mapping

from backstage_py.lint import shapes, syntax
from backstage_py.lint.fixes import repair
from backstage_py.lint.form import schema_types
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.rules.skeletons import at, both, fetching, files_with
from backstage_py.lint.skeleton import Fetch, Rendering
from backstage_py.lint.syntax import Parsed, Reference
from backstage_py.lint.view import Template, Use
from backstage_py.lint.vocabulary import LIST_METHODS, NUMBER_METHODS, TEXT_METHODS
from backstage_py.model.json import Json
from backstage_py.templating import tree

_FORM = "parameters:\n  properties:\n    repoUrl:\n      type: string\n"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: "
_TEMPLATE = fetching("repoUrl", "target: ${{ parameters.repoUrl | parseRepoUrl }}")
_OF_FILTERS: Mapping[str, frozenset[str]] = {
    "parseRepoUrl": frozenset({"host", "owner", "repo", "organization", "workspace", "project"}),
    "parseEntityRef": frozenset({"kind", "namespace", "name"}),
}
_OF_OPTIONS = {"parseEntityRef": frozenset({"defaultKind", "defaultNamespace"})}
_OF_PROFILES = ("displayName", "email", "picture")
_OF_ENTITIES = frozenset({"apiVersion", "kind", "metadata", "spec", "relations", "status"})
_OF_METADATA = frozenset(
    {"name", "namespace", "title", "description", "labels", "annotations", "tags", "links", "uid", "etag"}
)
_OF_LISTS = LIST_METHODS | {"length"}
_OF_TEXTS = TEXT_METHODS | {"length"}
_FILTERS_ONLY = frozenset(
    {"dump", "lower", "upper", "capitalize", "urlencode", "jsonify", "parseRepoUrl", "parseEntityRef", "projectSlug"}
)
"""Filters whose names nobody gives to a member."""
_ROOTS = frozenset({"parameters", "steps", "values", "each", "user"})
_OF_LOOPS = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
_OUTPUT = 4
"""``steps.ID.output.NAME``: where the members of an output begin."""


@rule(
    "BPY309",
    "unknown-member",
    "warning",
    "template",
    summary="An expression reads a member that the value does not have.",
    why="It is undefined, so the text is empty there. Known by their shape are what `parseRepoUrl` and "
    "`parseEntityRef` give, the user's entity, parameters that are objects, and outputs whose schema "
    "says that they are a list or a text.",
    bad=_FORM + _LOG + "${{ (parameters.repoUrl | parseRepoUrl).ownr }}\n",
    good=_FORM + _LOG + "${{ (parameters.repoUrl | parseRepoUrl).owner }}\n",
)
def unknown_member(template: Template) -> Iterator[Finding]:
    """Only what cannot be: entities and objects may have more than their schema says."""
    for use in template.uses:
        for message, name, offset, known in _lacking(use.parsed):
            yield Finding(message, use.path, offset, fix=_words(name, known))
        for reference in use.references():
            yield from _of_entity(template, use, reference)
            yield from _of_output(template, use, reference)
            yield from _of_form(template, use, reference)


@rule(
    "BPY614",
    "unknown-member-in-skeleton",
    "warning",
    "skeleton",
    summary="A file reads a member that the value of the step does not have.",
    why="It is undefined, so the text is empty there.",
    bad=files_with("# ${{ values.target.ownr }}\n", template=_TEMPLATE),
    good=files_with("# ${{ values.target.owner }}\n", template=_TEMPLATE),
)
def unknown_member_in_skeleton(rendering: Rendering) -> Iterator[Finding]:
    """Values that are what ``parseRepoUrl`` or ``parseEntityRef`` gives, and what loops have."""
    of_filters = _shapes(rendering.fetch)
    for parsed, text in both(rendering):
        for message, name, offset, known in _lacking(parsed):
            yield at(rendering, text, offset, message, _words(name, known))
        yield from _of_items(rendering, parsed, text)
        for reference in parsed.free():
            if reference.names[0] != "values" or len(reference.names) < 3:  # noqa: PLR2004  # values.name.member
                continue
            passed = shapes.of_text(rendering.fetch.form, rendering.fetch.given(reference.names[1]))
            lacking = shapes.unknown(passed, reference.names[2:]) if not reference.called else None
            if lacking:
                index, known = 2 + lacking[0], lacking[1]
                message = f'"{".".join(reference.names[1:index])}" has no "{reference.names[index]}"'
                yield at(rendering, text, reference.offsets[index], message, _words(reference.names[index], known))
            shape, name = of_filters.get(reference.names[1]), reference.names[2]
            if shape and name not in _OF_FILTERS[shape]:
                fix = _words(name, _OF_FILTERS[shape])
                yield at(rendering, text, reference.offsets[2], f'{shape} gives no "{name}"', fix)


def _of_items(rendering: Rendering, parsed: Parsed, text: str) -> Iterator[Finding]:
    """What loops go through, where it is a list of the form: ``{% for one in values.hosts %}${{ one.name }}``."""
    for reference in parsed.references:
        behind = parsed.items.get(reference.names[0])
        if not behind or behind[0] != "values" or len(behind) != 2 or len(reference.names) < 2 or reference.called:  # noqa: PLR2004  # values.name
            continue
        listed = shapes.of_text(rendering.fetch.form, rendering.fetch.given(behind[1]))
        lacking = shapes.unknown(shapes.items(listed), reference.names[1:])
        if lacking:
            index, known = 1 + lacking[0], lacking[1]
            message = f'"{".".join(reference.names[:index])}" has no "{reference.names[index]}"'
            yield at(rendering, text, reference.offsets[index], message, _words(reference.names[index], known))


def _shapes(fetch: Fetch) -> dict[str, str]:
    """The values that a filter of known shape gives, with the filter."""
    given = fetch.step.input.get("values")
    found = {}
    for name, value in given.items() if isinstance(given, dict) else ():
        sole = syntax.parse(value).sole if isinstance(value, str) and tree.has_code(value) else None
        if isinstance(sole, tree.Filter) and sole.name in _OF_FILTERS:
            found[str(name)] = sole.name
    return found


def _lacking(parsed: Parsed) -> Iterator[tuple[str, str, int, frozenset[str]]]:
    """Yield a message, the name, its offset and what there is, for what filters and loops do not give."""
    for one in parsed.members:
        known = _OF_FILTERS.get(one.filter)
        if known and one.name not in known:
            yield f'{one.filter} gives no "{one.name}"', one.name, one.offset, known
    for one in parsed.options:
        known = _OF_OPTIONS.get(one.filter)
        if known and one.name not in known:
            yield f'{one.filter} takes no "{one.name}"', one.name, one.offset, known
    for one in parsed.words:
        yield f"{one.filter} takes a number, not a text", "", one.offset, frozenset()
    for reference in parsed.references:
        last = reference.names[-1]
        if len(reference.names) > 1 and last != "lengths" and misspelled(last, ("length",)):
            yield f'A list or text has no "{last}"', last, reference.offsets[-1], frozenset({"length"})
        if len(reference.names) > 2 and last in _FILTERS_ONLY and reference.names[0] in _ROOTS and not reference.called:  # noqa: PLR2004  # root.name.filter
            yield f'"{last}" is a filter: write | {last}', last, reference.offsets[-1], frozenset()
        if reference.names[0] == "loop" and "loop" in parsed.locals and len(reference.names) > 1:
            name = reference.names[1]
            if name not in _OF_LOOPS:
                yield f'A loop has no "{name}"', name, reference.offsets[1], _OF_LOOPS


def _of_entity(template: Template, use: Use, reference: Reference) -> Iterator[Finding]:
    """``….entity.X`` and ``….entity.metadata.X``; below metadata only slips, as it may have more."""
    start = _entity_at(template, reference)
    if start and reference.names[start : start + 2] == ("spec", "profile") and len(reference.names) > start + 2:
        name, at = reference.names[start + 2], reference.offsets[start + 2]
        if name not in _OF_PROFILES and (close := misspelled(name, _OF_PROFILES)):
            yield Finding(
                f'Profiles have no "{name}"',
                use.path,
                at,
                fix=f'Did you mean "{close}"?',
                repair=repair.member(use.path, use.text, reference, start + 2, close, sure=True),
            )
        return
    for index, known, closed in ((start, _OF_ENTITIES, True), (start + 1, _OF_METADATA, False)):
        below = index > start and reference.names[start] != "metadata"
        if not start or len(reference.names) <= index or below:
            return
        name = reference.names[index]
        close = slip_of(name, known, ()) if name not in known else None
        if name not in known and (closed or close):
            yield Finding(
                f'Entities have no "{name}"',
                use.path,
                reference.offsets[index],
                fix=_words(name, known),
                repair=repair.member(use.path, use.text, reference, index, close, sure=True) if close else None,
            )
            return


def _entity_at(template: Template, reference: Reference) -> int:
    """Where the members of an entity begin, in the user's or in one that was fetched; 0 if it is none."""
    names = reference.names
    if names[:2] == ("user", "entity"):
        return 2
    if names[0] == "steps" and names[2:4] == ("output", "entity"):
        steps = template.steps_by_id.get(names[1], [])
        return _OUTPUT if {step.action for step in steps} == {"catalog:fetch"} else 0
    return 0


def _of_output(template: Template, use: Use, reference: Reference) -> Iterator[Finding]:
    """Members of an output that is a list, a text or a number."""
    names = reference.names
    if names[0] != "steps" or len(names) <= _OUTPUT or names[2] != "output":
        return
    steps = template.steps_by_id.get(names[1], [])
    action = template.action_of(steps[0]) if len(steps) == 1 and "each" not in steps[0].value else None
    properties: Json = action.output.get("properties") if action and action.exact else None
    schema: Json = properties.get(names[3]) if isinstance(properties, dict) else None
    kinds = schema_types(schema) if isinstance(schema, dict) else frozenset()
    name = names[_OUTPUT]
    known = {"array": _OF_LISTS, "string": _OF_TEXTS, "number": NUMBER_METHODS, "integer": NUMBER_METHODS}.get(
        next(iter(kinds)) if len(kinds) == 1 else ""
    )
    if known and name not in known and not name.isdigit():
        kind = next(iter(kinds))
        shown = {"array": "a list", "string": "a text"}.get(kind, "a number")
        message = f'The output "{names[3]}" is {shown}, and has no "{name}"'
        yield Finding(message, use.path, reference.offsets[_OUTPUT], fix=_instead(properties, names[3], kind))


def _of_form(template: Template, use: Use, reference: Reference) -> Iterator[Finding]:
    """Members of a parameter, and of what ``each`` goes through; methods have rules of their own."""
    names, start = reference.names, 2
    if names[0] == "parameters":
        schema = shapes.of_parameter(template.form, names[1:2])
    elif names[:2] == ("each", "value"):
        schema = shapes.of_each(template, use.path)
    else:
        return
    lacking = shapes.unknown(schema, names[start:])
    at_dash = lacking and any(
        offset == reference.offsets[start + lacking[0]] + len(names[start + lacking[0]])
        for offset, _, _ in use.parsed.subtractions
    )
    if lacking and not reference.called and not at_dash:
        index, known = start + lacking[0], lacking[1]
        message = f'"{".".join(names[1:index])}" has no "{names[index]}"'
        yield Finding(message, use.path, reference.offsets[index], fix=_words(names[index], known))


def _instead(properties: Json, name: str, kind: str) -> str | None:
    """Another output of nearly the same name, or an item."""
    close = nearest(name, [one for one in properties if one != name])
    return f'Did you mean "{close}"?' if close else f"Write {name}[0]" if kind == "array" else None


def _words(name: str, known: frozenset[str]) -> str | None:
    if not known:
        return None
    close = nearest(name, known)
    return f'Did you mean "{close}"?' if close else f"It has {', '.join(sorted(known))}"
