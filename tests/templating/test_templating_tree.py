"""Templates as trees, for those who read them without running them."""

from collections.abc import Iterator

import pytest

from backstage_py.templating import tree

EVERY_KIND = """\
text ${{ a.b[c] | f(1, k=x) if not (y + 1 > [z, {"k": v}][1:2]) and w in q(r) else (s, t is odd) }}${{ r/x/g }}
{% if a %}x{% elif b %}y{% else %}z{% endif %}
{% for i in items %}${{ i }}{% else %}none{% endfor %}
{% set n = 1 %}{% set m %}body{% endset %}
{% macro show(p, d=deep) %}${{ p }}{% endmacro %}
{% call(item) show(1) %}${{ item }}{% endcall %}
{% filter upper %}in ${{ filtered }}{% endfilter %}
{% block end %}last{% endblock %}
{% switch kind %}{% case "a" %}A{% default %}B{% endswitch %}
"""


def parts(part: tree.Part) -> Iterator[tree.Part]:
    """The part and all that is inside."""
    yield part
    for child in part.children():
        yield from parts(child)


def inside(source: str) -> list[tree.Part]:
    """All parts of a template."""
    return [part for statement in tree.read(source).body for part in parts(statement)]


def test_children_lead_to_each_kind_of_part() -> None:
    kinds = {getattr(tree, name) for name in tree.__all__}
    declared = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, tree.Part)}

    assert {type(part) for part in inside(EVERY_KIND)} == declared - {tree.Part, tree.Node, tree.Statement}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("${{ a.b[c](d, k=e) | f(g) }}", "acdeg"),
        ("${{ [a, (b, c), {k: d}][e:f:g] }}", "abcdefg"),
        ("${{ a < b == c + d and e in f is odd(g) }}", "abcdefg"),
        ("{% if a %}${{ b }}{% elif c %}${{ d }}{% else %}${{ e }}{% endif %}", "abcde"),
        (
            "{% for i in a %}${{ b }}{% else %}${{ c }}{% endfor %}{% set x = d %}{% set y %}${{ e }}{% endset %}",
            "abcde",
        ),
        ("{% macro m(p, q=a) %}${{ b }}{% endmacro %}{% call(r, s=c) m(d) %}${{ e }}{% endcall %}", "abcmde"),
        ("{% filter f(b) %}${{ a }}{% endfilter %}{% block x %}${{ c }}{% endblock %}", "abc"),
        ("{% switch a %}{% case b %}${{ c }}{% default %}${{ d }}{% endswitch %}", "abcd"),
    ],
)
def test_children_stand_in_the_order_of_the_source(source: str, names: str) -> None:
    assert "".join(part.name for part in inside(source) if isinstance(part, tree.Symbol)) == names


def test_parts_match_by_their_declared_fields() -> None:
    match tree.read("${{ values.name }}").body:
        case [tree.Output(0, tree.Placed(4, expression))]:
            assert expression.names == {"values"}
        case body:
            pytest.fail(f"another tree: {body}")

    match expression.root:
        case tree.Lookup(_, tree.Symbol(0, "values"), tree.Literal(7, "name")):
            pass
        case root:
            pytest.fail(f"another tree: {root}")


def test_a_part_needs_each_of_its_fields() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        tree.Symbol(0)  # type: ignore[call-arg]  # what is tested


def test_each_expression_that_does_not_parse_is_a_problem_and_the_others_are_read() -> None:
    found = tree.read("${{ a + }} ${{ b }} ${{ c d }}")

    assert found.body == []
    assert [problem.offset for problem in found.problems] == [8, 26]
    assert [placed.expression.source.strip() for placed in found.loose] == ["b"]


def test_names_are_not_read_from_a_broken_text_that_may_define_them() -> None:
    found = tree.read("{% set b = 1 %}${{ a + }}${{ b }}")

    assert len(found.problems) == 1
    assert found.loose == ()


def test_what_is_nested_too_deep_is_a_problem() -> None:
    assert tree.read("${{ " + "[" * 5000 + " }}").problems[0].message == tree.TOO_DEEP
