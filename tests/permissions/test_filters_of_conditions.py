"""Conditions as filters of a query find the same entities as conditions applied to each."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.model import json
from backstage_py.model.entity_filter import Filter
from backstage_py.permissions import criteria
from backstage_py.permissions.authority import Authority
from backstage_py.permissions.entity_rules import ENTITY_RULES
from tests import patience
from tests.catalog.harness import Web, catalog
from tests.effort import EXAMPLES
from tests.permissions.calls import SITE

WORDS = st.sampled_from(["gold", "GOLD", "silver", "java", "service", "website", "yes", "none", "team-a", "production"])


def _rule(name: str, **params: Any) -> st.SearchStrategy[Any]:
    fixed = {key: value for key, value in params.items() if value is not None}
    return st.fixed_dictionaries(fixed).map(
        lambda found: {"rule": name, "resourceType": "catalog-entity", "params": found}
    )


def _rules(name: str, key: str, *keys: str) -> st.SearchStrategy[Any]:
    choices = {key: st.sampled_from(keys)}
    return _rule(name, **choices) | _rule(name, **choices, value=WORDS)


GROUPS = st.sampled_from(["group:default/team-a", "group:default/team-b", "group:default/none"])
RULES = st.one_of(
    _rules("HAS_LABEL", "label", "acme.io/tier", "ACME.io/Tier", "none"),
    _rules("HAS_ANNOTATION", "annotation", "acme.io/public", "backstage.io/managed-by-location", "none"),
    _rules("HAS_METADATA", "key", "tags", "name", "labels.acme.io/tier", "none"),
    _rules("HAS_SPEC", "key", "type", "lifecycle", "owner", "Owner", "children"),
    _rule("IS_ENTITY_KIND", kinds=st.lists(st.sampled_from(["Component", "component", "API", "group"]), max_size=2)),
    _rule("IS_ENTITY_OWNER", claims=st.lists(GROUPS, max_size=2)),
)
CRITERIA = st.recursive(
    RULES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"allOf": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)


@pytest.mark.thorough
async def test_a_filter_and_its_conditions_agree(tmp_path: Path) -> None:
    """CVE-2026-106497: they disagreed about upper and lower case."""
    text = (SITE / "entities.yaml").read_text()
    async with catalog(tmp_path, Web({"/all.yaml": text})) as world:
        await world.register("/all.yaml")
        await world.rest()
        reader = AuthorizedCatalog(world.service, Authority()).reader
        everything = [json.parse(one) for one in await reader.all(None)]
        assert len(everything) > 8
        loop = asyncio.get_running_loop()

        def found(filter_: Filter) -> list[str]:
            texts = asyncio.run_coroutine_threadsafe(reader.all(filter_), loop).result(patience.SECONDS)
            return sorted(json.parse(one)["metadata"]["uid"] for one in texts)

        @settings(max_examples=min(EXAMPLES, 200))
        @given(CRITERIA)
        def agree(condition: Any) -> None:
            parsed = criteria.parse(condition)
            one_by_one = [one for one in everything if criteria.holds(parsed, one, ENTITY_RULES)]
            assert found(criteria.as_filter(parsed, ENTITY_RULES)) == sorted(
                one["metadata"]["uid"] for one in one_by_one
            )

        await asyncio.to_thread(agree)
