"""Writes the part of GitHub's GraphQL schema that our queries use: ``python -m tests.github_sources.trim SCHEMA``.

SCHEMA is ``schema.graphql`` of npm's ``@octokit/graphql-schema``. The stand-in answers by what is written, so it
refuses a query that GitHub would refuse.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    parse,
    print_type,
    visit,
)

from backstage_py.catalog.sources.github import queries

TRIMMED = Path(__file__).with_name("schema.graphql")
QUERIES = (
    queries.REPOSITORIES,
    queries.REPOSITORY,
    queries.TEAMS,
    queries.TEAM_MEMBERS,
    queries.users(with_suspended=False),
)
_BUILT_IN = frozenset({"String", "Int", "Boolean", "ID", "Float"})
_CONCRETE = ("Organization", "User", "Blob", "Tree", "RepositoryTopic")


class _Used(Visitor):
    """Collects the fields, with their arguments, that a query asks for."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.fields: dict[str, set[str]] = defaultdict(set)

    def enter_field(self, node: Any, *_: Any) -> None:
        parent = self.info.get_parent_type()
        if parent is not None and node.name.value != "__typename":
            self.fields[parent.name].add(node.name.value)


def trimmed(text: str) -> str:
    """Return the schema with what ``QUERIES`` use, and each type with at least one field."""
    schema = build_schema(text, assume_valid=True)
    used: dict[str, set[str]] = defaultdict(set)
    for query in QUERIES:
        info = TypeInfo(schema)
        seen = _Used(info)
        visit(parse(query), TypeInfoVisitor(info, seen))
        for name, fields in seen.fields.items():
            used[name] |= fields
    used["GitObject"] |= {"id"}
    for name in _CONCRETE:
        for interface in schema.type_map[name].interfaces:  # type: ignore[attr-defined]  # they are object types
            used[name] |= used.get(interface.name, set())
        used[name] |= {"id"} & set(schema.type_map[name].fields)  # type: ignore[attr-defined]  # as above
    return "\n\n".join(_printed(schema, used))


def _printed(schema: GraphQLSchema, used: dict[str, set[str]]) -> list[str]:
    names, found = sorted(used), []
    while names:
        one = schema.type_map[names.pop(0)]
        needed: list[Any] = []
        if isinstance(one, GraphQLObjectType | GraphQLInterfaceType):
            kept = {field: one.fields[field] for field in sorted(used[one.name]) if field in one.fields}
            if not kept:
                continue
            for field in kept.values():
                needed += [field.type, *(argument.type for argument in field.args.values())]
            links = [each for each in one.interfaces if used.get(each.name)]
            one = type(one)(one.name, fields=kept, interfaces=links)
        elif isinstance(one, GraphQLInputObjectType):
            needed += [field.type for field in one.fields.values()]
        inners: list[Any] = [get_named_type(each) for each in needed]
        for inner in inners:
            if inner.name not in used and inner.name not in _BUILT_IN:
                used[inner.name] = {"id"}
                names.append(inner.name)
        found.append(print_type(one))
    return found


if __name__ == "__main__":
    source = Path(sys.argv[1]).read_text(encoding="utf-8")
    TRIMMED.write_text(trimmed(re.sub(r'"""(?:.|\n)*?"""', "", source)) + "\n", encoding="utf-8")
