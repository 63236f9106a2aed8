"""Predicates that are deeper or wider than a database takes: answered, or refused in words, and never 500."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from backstage_py.model import json as project_json
from tests.http.harness import Site
from tests.http.test_catalog_http import Catalog, site  # noqa: F401  # a fixture

REFUSED = 400
ENTRIES = [("/entities/by-query", {}), ("/entity-facets", {"facets": ["kind"]})]


def nested(operator: str, levels: int) -> Any:
    query: Any = {"kind": "component"}
    for _ in range(levels):
        query = {operator: query if operator == "$not" else [query]}
    return query


def alternating(levels: int) -> Any:
    query: Any = {"kind": "component"}
    for level in range(levels):
        query = {"$all" if level % 2 else "$any": [{"spec.x": "y"}, query]}
    return query


def wide(number: int, leaf: Callable[[int], Any], operator: str = "$all") -> Any:
    return {operator: [leaf(index) for index in range(number)]}


ANSWERED = {
    "not": nested("$not", 47),
    "all": nested("$all", 23),
    "alternating": alternating(23),
    "keys": wide(250, lambda index: {f"spec.k{index}": "x"}),
    "prefixes": wide(250, lambda index: {f"spec.k{index}": {"$hasPrefix": "x"}}, "$any"),
    "negations": wide(250, lambda index: {"$not": {f"spec.k{index}": "x"}}),
    "existence": wide(125, lambda index: {f"spec.k{index}": {"$exists": True}}, "$any"),
    "absence": wide(125, lambda index: {f"spec.k{index}": {"$exists": False}}),
    "values": {"kind": {"$in": [f"k{index}" for index in range(9000)]}},
    "alternatives": wide(1000, lambda index: {"kind": f"k{index}"}, "$any"),
}
TOO_MUCH = {
    "not": nested("$not", 48),
    "deep": nested("$not", 300),
    "all": nested("$all", 24),
    "deep all": nested("$all", 300),
    "alternating": alternating(24),
    "keys": wide(251, lambda index: {f"spec.k{index}": "x"}),
    "wide": wide(1000, lambda index: {f"spec.k{index}": "x"}),
    "existence": wide(126, lambda index: {f"spec.k{index}": {"$exists": True}}, "$any"),
    "values": {"kind": {"$in": [f"{index}" for index in range(10_001)]}},
    "contained": {"relations": {"$contains": nested("$not", 200)}},
}


@pytest.mark.thorough(sample=3)
@pytest.mark.parametrize(("path", "more"), ENTRIES)
@pytest.mark.parametrize("name", ANSWERED)
async def test_a_predicate_below_the_bounds_is_answered(
    site: Catalog,  # noqa: F811  # the fixture
    path: str,
    more: dict[str, Any],
    name: str,
) -> None:
    answer = await site.send("POST", path, {"query": ANSWERED[name], **more})
    assert answer.status == 200, answer.body


@pytest.mark.thorough(sample=3)
@pytest.mark.parametrize(("path", "more"), ENTRIES)
@pytest.mark.parametrize("name", TOO_MUCH)
async def test_a_predicate_above_the_bounds_is_refused(
    site: Catalog,  # noqa: F811  # the fixture
    path: str,
    more: dict[str, Any],
    name: str,
) -> None:
    answer = await site.send("POST", path, {"query": TOO_MUCH[name], **more})
    assert (answer.status, answer.json["error"]["name"]) == (REFUSED, "InputError")


@pytest.mark.thorough
@pytest.mark.parametrize("number", [249, 251, 1000])
async def test_many_filters_of_a_query_are_answered_or_refused(site: Catalog, number: int) -> None:  # noqa: F811  # as above
    for query in (
        "&".join(f"filter=spec.k{index}=x" for index in range(number)),
        "filter=" + ",".join(f"spec.k{index}=x" for index in range(number)),
    ):
        assert (await site.get(f"/entities?{query}")).status == (200 if number < 250 else REFUSED)


@pytest.mark.parametrize("depth", [200, 201, 300, 600, 1100, 100_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
async def test_a_body_of_nested_json_breaks_nothing(depth: int, brackets: str) -> None:
    site = Site(body_limit=10_000_000)  # noqa: F811  # another site, without a catalog
    opening = '{"a":' if brackets == "{}" else "["
    body = (opening * depth + "1" + brackets[1] * depth).encode()
    answer = await site.call("POST", "/echo", {"content_type": "application/json"}, body)
    assert answer.status == (201 if depth <= 200 else REFUSED)


def test_depth_is_counted_in_levels() -> None:
    value = json.loads("[" * 5 + "]" * 5)
    assert project_json.is_deeper(value, 4)
    assert not project_json.is_deeper(value, 5)
