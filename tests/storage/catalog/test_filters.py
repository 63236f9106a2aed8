"""Filters as SQL give what the filter means, whatever path the query takes."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstage_py.model import entity_filter, search_rows
from backstage_py.model.entity_filter import AllOf, AnyOf, Exists, Filter, HasPrefix, Matches, Not
from backstage_py.model.json import JsonObject, dumps
from backstage_py.model.search_rows import SearchRows
from backstage_py.storage import bulk
from backstage_py.storage.catalog import search_index
from backstage_py.storage.catalog.entities import EntityReader
from backstage_py.storage.catalog.pages import Order, PageRequest, Position
from backstage_py.storage.catalog.search import FullText
from backstage_py.storage.catalog.tables import final_entities, metadata, state
from backstage_py.storage.database import Database, Transaction
from tests.effort import EXAMPLES

KINDS = ["Component", "API"]
NAMES = ["alpha", "Beta", "gamma_1", "gamma-2", "100%", "ä"]
TAGS = ["java", "Go"]


def entities() -> list[JsonObject]:
    made = []
    for number in range(120):
        spec: JsonObject = {"type": ["service", "website"][number % 2]}
        if number % 3 == 0:
            spec["owner"] = None
        elif number % 3 == 1:
            spec["owner"] = f"Team-{number % 5}"
        name = f"{NAMES[number % len(NAMES)]}{number}"
        own: JsonObject = {"name": name, "uid": str(number), "tags": TAGS[: number % 3]}
        made.append({"apiVersion": "v1", "kind": KINDS[number % 7 % 2], "metadata": own, "spec": spec})
    return made


ENTITIES = entities()
ROWS = [search_rows.of(entity) for entity in ENTITIES]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("filters")
    database = Database(f"sqlite:///{folder / 'filters.sqlite'}")

    def write(transaction: Transaction) -> None:
        connection = transaction.connection
        metadata.create_all(connection)
        bulk.insert(connection, state, [(1, 1, 1)])
        finals = [(n, str(n), str(n), "", dumps({"n": n})) for n in range(len(ENTITIES))]
        bulk.insert(connection, final_entities, finals)
        search_index.replace(connection, [(n, None, rows) for n, rows in enumerate(ROWS)])

    asyncio.run(database.write(write))
    yield database
    database.wakes.close()
    database.engine.dispose()


def holds(node: Filter, rows: SearchRows) -> bool:
    """Say what a filter means, for one entity."""
    match node:
        case Matches(key=key, values=values):
            return any(one == key and value in values for one, value, _ in rows.values)
        case Exists(key=key):
            return key in rows.nulls or any(one == key for one, _, _ in rows.values)
        case HasPrefix(key=key, prefix=prefix):
            return any(one == key and value.startswith(prefix) for one, value, _ in rows.values)
        case AllOf(parts=parts):
            return all(holds(part, rows) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, rows) for part in parts)
        case Not(part=part):
            return not holds(part, rows)


KEYS = st.sampled_from(
    ["kind", "spec.type", "spec.owner", "metadata.name", "metadata.tags", "metadata.tags.go", "nope"]
)
VALUES = st.sampled_from(["component", "api", "service", "team-1", "alpha0", "beta1", "java", "true", "none"])
LEAVES = st.one_of(
    st.builds(Matches, KEYS, st.lists(VALUES, max_size=3, unique=True).map(tuple)),
    st.builds(Exists, KEYS),
    st.builds(HasPrefix, KEYS, st.sampled_from(["", "a", "gamma_", "100%", "ä", "team-"])),
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)
ORDERS = st.none() | st.builds(Order, st.sampled_from(["metadata.name", "spec.owner", "metadata.tags"]), st.booleans())
TEXTS = st.none() | st.builds(
    FullText,
    st.sampled_from(["amma", "1", "gamma_", "gamma", "ä", "zzz", "team"]),
    st.sampled_from([("metadata.name",), ("metadata.name", "spec.owner"), ("nope",)]),
)


def expected(request: PageRequest) -> list[Position]:
    found = []
    for number, rows in enumerate(ROWS):
        if request.filter is not None and not holds(request.filter, rows):
            continue
        if request.full_text and not any(
            key in request.full_text.keys and like(value, request.full_text.term) for key, value, _ in rows.values
        ):
            continue
        if request.order is None:
            found.append(Position(None, number))
        else:
            own = request.order.key, request.full_text
            found += [
                Position(value, number) for key, value, _ in rows.values if key == own[0] and in_scope(value, request)
            ]
    descending = bool(request.order and request.order.descending)
    return sorted(found, key=lambda one: ((one.value or "").encode(), one.id), reverse=descending)


def like(value: str, term: str) -> bool:
    import re

    return re.search(re.escape(term).replace("_", "."), value) is not None


def in_scope(value: str, request: PageRequest) -> bool:
    """The text must be in the very value that is ordered by, when that is the only field to look in."""
    text, order = request.full_text, request.order
    return not (text and order and text.keys == (order.key,)) or like(value, text.term)


@settings(max_examples=min(EXAMPLES, 150))
@given(filter_=st.none() | FILTERS, order=ORDERS, text=TEXTS, size=st.integers(1, 40))
async def test_pages_forward_and_backward_are_what_the_filter_means(
    database: Database, filter_: Filter | None, order: Order | None, text: FullText | None, size: int
) -> None:
    """Searched by the database at first, and in memory as soon as a second search comes."""
    reader = EntityReader(database)
    whole = PageRequest(filter_, text, order, limit=1000)
    page = await reader.page(whole)
    wanted = expected(whole)
    assert page.positions == wanted
    assert page.total == len({one.id for one in wanted})
    assert await reader.page(replace(whole, limit=999)) == page
    first = await reader.page(PageRequest(filter_, text, order, limit=size))
    assert first.positions == wanted[:size]
    if first.positions:
        after = PageRequest(filter_, text, order, after=first.positions[-1], limit=size)
        assert (await reader.page(after)).positions == wanted[size : 2 * size]
        before = PageRequest(filter_, text, order, after=wanted[-1], backwards=True, limit=size)
        assert (await reader.page(before)).positions == wanted[max(0, len(wanted) - 1 - size) : -1]


@settings(max_examples=min(EXAMPLES, 60))
@given(filter_=st.none() | FILTERS)
async def test_facets_and_lists_count_the_same_entities(database: Database, filter_: Filter | None) -> None:
    reader = EntityReader(database)
    wanted = [n for n, rows in enumerate(ROWS) if filter_ is None or holds(filter_, rows)]
    facets = await reader.facets(["kind"], filter_)
    counted = [(kind, sum(ENTITIES[n]["kind"] == kind for n in wanted)) for kind in sorted(KINDS)]
    assert facets["kind"] == [one for one in counted if one[1]]
    assert await reader.all(filter_) == [dumps({"n": n}) for n in wanted]
    found = await reader.by_refs([str(n) for n in range(len(ROWS))], filter_)
    assert [n for n, text in enumerate(found) if text] == wanted


def test_every_condition_of_a_filter_string_is_compiled() -> None:
    predicate = entity_filter.predicate_of_params(["kind=Component,kind=API,spec.type=service", "metadata.tags.java"])
    assert entity_filter.compile_predicate(predicate or {}) == AnyOf(
        (
            AllOf((Matches("kind", ("component", "api")), Matches("spec.type", ("service",)))),
            Exists("metadata.tags.java"),
        )
    )
