"""Filters and predicates: what they mean and how they are refused; the words are those of Backstage."""

from typing import Any

import pytest

from backstage_py.errors import InputError
from backstage_py.model import entity_filter, filter_shape
from backstage_py.model.entity_filter import AllOf, Exists, HasPrefix, Matches, Not


def test_statements_of_a_filter_are_joined() -> None:
    assert entity_filter.predicate_of_params(["kind=a,kind=b,spec", " "]) == {
        "$all": [{"kind": {"$in": ["a", "b"]}}, {"spec": {"$exists": True}}]
    }
    assert entity_filter.predicate_of_params(["a=", "b= c "]) == {"$any": [{"a": ""}, {"b": "c"}]}
    assert entity_filter.predicate_of_params(None) is None


def test_a_statement_needs_a_key() -> None:
    with pytest.raises(InputError, match=r"^Invalid filter, '=x' is not a valid statement \(expected a string on the"):
        entity_filter.predicate_of_params(["=x"])


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ({"Kind": "Component"}, Matches("kind", ("component",))),
        ({"a": True}, Matches("a", ("true",))),
        ({"a": 1.0}, Matches("a", ("1",))),
        ({"a": {"$in": ["X", "x"]}}, Matches("a", ("x",))),
        ({"a": {"$exists": False}}, Not(Exists("a"))),
        ({"a": {"$hasPrefix": "X_"}}, HasPrefix("a", "x_")),
        ({"a": {"$contains": "X"}}, Matches("a", ("x",))),
        ({}, AllOf(())),
        ({"relations": {"$contains": {"type": "ownedBy"}}}, Exists("relations.ownedby")),
        (
            {"relations": {"$contains": {"TYPE": "ownedBy", "targetRef": {"$in": ["A", "B"]}}}},
            Matches("relations.ownedby", ("a", "b")),
        ),
    ],
)
def test_predicates_are_compiled(predicate: Any, expected: object) -> None:
    assert entity_filter.compile_predicate(filter_shape.check(predicate)) == expected


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        ({"a": {"$contains": {"b": 1}}}, 'Object form of $contains is not supported for field "a"'),
        ({"relations": {"$contains": {}}}, 'The $contains operator for "relations" requires a "type" string property'),
        (
            {"relations": {"$contains": {"type": "x", "foo": 1}}},
            'Unsupported key "foo" in $contains for "relations". Only "type" and "targetRef" are supported',
        ),
    ],
)
def test_what_the_index_cannot_answer(predicate: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        entity_filter.compile_predicate(filter_shape.check(predicate))
    assert raised.value.message.startswith(message)


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        ({"$all": [], "kind": "a"}, "Invalid query: Validation error: Unrecognized key(s) in object: 'kind'"),
        (
            {"$foo": 1},
            'Invalid query: Validation error: Invalid at "$foo"',
        ),
        ({"$not": "x"}, 'Invalid query: Validation error: Invalid at "$not"'),
    ],
)
def test_the_shape_of_a_predicate(predicate: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        filter_shape.check(predicate)
    assert raised.value.message == message


@pytest.mark.parametrize("predicate", ["x", 1, True, None, [], {"$all": ["x"]}, {"$any": [{"$not": 1}]}])
def test_a_plain_value_is_no_predicate(predicate: Any) -> None:
    with pytest.raises(InputError, match=r"^Invalid query: Validation error: "):
        filter_shape.check(predicate)
    contained = {"a": {"$contains": predicate}}
    if predicate is not None and predicate != []:
        assert filter_shape.check(contained) == contained


def test_members_beside_a_known_operator_are_dropped() -> None:
    assert filter_shape.check({"a": {"$exists": True, "$in": ["x"]}}) == {"a": {"$exists": True}}
