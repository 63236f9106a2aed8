"""``backstage-py actions`` and ``backstage-py filters``: what templates may use, in the terminal or as Markdown."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from backstage_py.cli.local.trust import Trust
from backstage_py.errors import InputError
from backstage_py.lint.filter_docs import DOCS, shown_example
from backstage_py.lint.nearest import nearest
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

OK, COULD_NOT_RUN = 0, 2
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """An action or filter with its documentation.

    ``origin`` is where it comes from, of an installed one its package, ``unavailable`` why it does not run here.
    """

    id: str
    description: str
    origin: str
    body: JsonObject
    unavailable: str | None = None


Chapter = Callable[[Entry], Iterator[str]]
"""Writes the documentation of one entry as lines of Markdown."""


def run_actions(action_id: str | None, *, markdown: bool, as_json: bool, source: str | None, trust: Trust) -> int:
    """List the actions, or document one."""
    try:
        known = _actions(source, trust)
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    return _run("action", known, action_id, _action_chapter, markdown=markdown, as_json=as_json)


def run_filters(name: str | None, *, markdown: bool, as_json: bool, trust: Trust) -> int:
    """List the filters, or document one."""
    try:
        known = _filters(trust)
    except InputError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    return _run("filter", known, name, _filter_chapter, markdown=markdown, as_json=as_json)


def _run(kind: str, known: list[Entry], name: str | None, chapter: Chapter, *, markdown: bool, as_json: bool) -> int:
    chosen = [one for one in known if name in (None, one.id)]
    if not chosen:
        close = nearest(str(name), [one.id for one in known])
        hint = f"; did you mean '{close}'?" if close else ""
        sys.stderr.write(f"backstage-py: there is no {kind} '{name}'{hint}\n")
        return COULD_NOT_RUN
    if as_json:
        import json as standard

        bodies = [one.body for one in chosen]
        sys.stdout.write(standard.dumps(bodies[0] if name else bodies, indent=2, ensure_ascii=False) + "\n")
    elif markdown:
        title = "" if name else f"# {kind.capitalize()}s\n\n"
        sys.stdout.write(title + "\n".join("\n".join(chapter(one)) for one in chosen) + "\n")
    elif name:
        _show("\n".join(chapter(chosen[0])))
    else:
        width = max(len(one.id) for one in chosen)
        wide = max(9, *(len(one.origin) for one in chosen))
        sys.stdout.writelines(f"{one.id:<{width}}  {one.origin:<{wide}}  {_in_a_line(one)}\n" for one in chosen)
    return OK


def _in_a_line(entry: Entry) -> str:
    line = _first_line(entry.description)
    return f"{line} [{entry.unavailable}]" if entry.unavailable else line


def _show(text: str) -> None:
    if not sys.stdout.isatty():
        sys.stdout.write(text + "\n")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def _actions(source: str | None, trust: Trust) -> list[Entry]:
    from backstage_py.cli.local import known_actions
    from backstage_py.lint import config
    from backstage_py.lint.actions import described
    from backstage_py.plugin import load_actions

    known = known_actions.catalogue(config.find(Path()), trust, source)
    # what is installed has examples, which the bundled list leaves out; what a project or a Backstage says goes first
    examples = {
        one.id: replace(described(one.describe(), "builtin"), origin=found.origin, package=found.package)
        for one in load_actions()
        if (found := known.get(one.id)) and found.origin in ("builtin", "installed")
    }
    everything = {**known.actions, **examples}
    return [
        Entry(
            one.id,
            one.description,
            one.package or one.origin,
            {
                "id": one.id,
                "description": one.description,
                "examples": list(one.examples),
                "schema": {key: part for key, part in (("input", one.input), ("output", one.output)) if part},
            },
            one.unavailable,
        )
        for one in sorted(everything.values(), key=lambda one: one.id)
    ]


def _action_chapter(entry: Entry) -> Iterator[str]:
    yield f"## {entry.id}"
    yield ""
    if entry.description:
        yield entry.description
        yield ""
    for title, key in (("Input", "input"), ("Output", "output")):
        rows = list(_rows(entry.body["schema"].get(key) or {}, marked=key == "input"))
        if rows:
            yield f"### {title}"
            yield ""
            yield "| name | type | |"
            yield "|---|---|---|"
            yield from rows
            yield ""
    for example in entry.body["examples"]:
        yield f"### Example: {example.get('description', '')}"
        yield ""
        yield "```yaml"
        yield str(example.get("example", "")).rstrip()
        yield "```"
        yield ""


def _rows(schema: JsonObject, *, marked: bool, prefix: str = "") -> Iterator[str]:
    if prefix.count(".") > _DEEPEST:
        return
    branches = [schema, *(one for key in ("anyOf", "oneOf") for one in schema.get(key) or () if isinstance(one, dict))]
    seen: set[str] = set()
    for branch in branches:
        required = branch.get("required") or ()
        for name, one in (branch.get("properties") or {}).items():
            if name not in seen and isinstance(one, dict):
                seen.add(name)
                star = " (required)" if marked and name in required else ""
                yield f"| `{prefix}{name}`{star} | {_type(one)} | {_about(one)} |"
                if inner := _members(one):
                    yield from _rows(inner[1], marked=marked, prefix=f"{prefix}{name}{inner[0]}.")


def _members(schema: JsonObject) -> tuple[str, JsonObject] | None:
    """Return the schema of the objects in a value that have fields, and how a path to them goes on."""
    if isinstance(schema.get("properties"), dict):
        return "", schema
    items = schema.get("items")
    if isinstance(items, dict) and isinstance(items.get("properties"), dict):
        return "[]", items
    branches = [one for key in ("anyOf", "oneOf") for one in schema.get(key) or () if isinstance(one, dict)]
    found = [inner for one in branches if (inner := _members(one))]
    return found[0] if len(found) == 1 else None


def _about(schema: JsonObject) -> str:
    """Return what a field is, and its default."""
    description = _first_line(str(schema.get("description") or ""))
    default = schema.get("default")
    shown = "" if default is None or default in ({}, []) else f"default: `{json.text(default)}`"
    return "; ".join(part for part in (description.rstrip("."), shown) if part).replace("|", "\\|")


def _type(schema: JsonObject) -> str:
    if isinstance(enum := schema.get("enum"), list):
        return ", ".join(f"`{one}`" for one in enum)
    declared: Json = schema.get("type")
    if declared == "array" and isinstance(items := schema.get("items"), dict):
        return f"list of {_type(items)}"
    if isinstance(declared, list):
        return " or ".join(str(one) for one in declared)
    if declared:
        return str(declared)
    branches: Iterable[Json] = schema.get("anyOf") or schema.get("oneOf") or ()
    return " or ".join(dict.fromkeys(_type(one) for one in branches if isinstance(one, dict))) or "any"


def _filters(trust: Trust) -> list[Entry]:
    from backstage_py.cli.local import known_actions
    from backstage_py.lint import config, vocabulary
    from backstage_py.templating import engine

    backstage = {name: described.as_json() for name, described in engine.DESCRIPTIONS.items()}
    own = {name: one.as_json() for name, one in known_actions.filters(config.find(Path()), trust).items()}
    language = {name: {"description": DOCS[name][0]} for name in vocabulary.FILTERS}
    return [
        Entry(
            name,
            str(body.get("description") or ""),
            "installed" if name in own else "backstage" if name in backstage else "language",
            {"id": name, **body},
        )
        for name, body in sorted({**language, **backstage, **own}.items())
    ]


def _filter_chapter(entry: Entry) -> Iterator[str]:
    yield f"## {entry.id}"
    yield ""
    yield entry.description
    yield ""
    if entry.id in DOCS:
        yield f"```\n{shown_example(entry.id)}\n```"
    schema = entry.body.get("schema") or {}
    for key, part in schema.items():
        yield f"- {key}: `{json.text(part)}`"
    for example in entry.body.get("examples") or ():
        yield ""
        if example.get("description"):
            yield f"### {example['description']}"
            yield ""
        yield "```yaml"
        yield str(example.get("example", "")).rstrip()
        yield "```"


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
