"""Each stage of the pipeline by itself."""

import pytest

from backstage_py.js import numbers, regex, regex_syntax, text
from backstage_py.js.errors import Failure
from backstage_py.js.values import Regex, in_key_order, is_index_key
from backstage_py.templating import compiler, lexer, nodes, parser
from backstage_py.templating.cache import SizedCache
from backstage_py.templating.expressions import parse_expression
from backstage_py.templating.limits import Limits
from backstage_py.templating.runtime import State


def shape(node: nodes.Node) -> str:
    """A tree as text with all parentheses."""
    if isinstance(node, nodes.Literal):
        return repr(node.value)
    if isinstance(node, nodes.Symbol):
        return node.name
    if isinstance(node, nodes.Binary | nodes.Logic):
        return f"({shape(node.left)} {node.operator} {shape(node.right)})"
    if isinstance(node, nodes.In):
        return f"({shape(node.left)} in {shape(node.right)})"
    if isinstance(node, nodes.Unary):
        return f"{node.operator}({shape(node.target)})"
    if isinstance(node, nodes.Compare):
        return f"({shape(node.left)} {' '.join(f'{op} {shape(right)}' for op, right in node.operations)})"
    if isinstance(node, nodes.Filter):
        return f"{node.name}({', '.join(map(shape, [node.source, *node.arguments.positional]))})"
    if isinstance(node, nodes.Test):
        return f"is_{node.name}({shape(node.left)})"
    if isinstance(node, nodes.Lookup):
        return f"{shape(node.target)}[{shape(node.key)}]"
    return type(node).__name__


@pytest.mark.parametrize(
    ("code", "tree"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a or b and not c", "(a or (b and not(c)))"),
        ("not a == b", "(not(a) == b)"),
        ("not a in b", "not((a in b))"),
        ("a not in b is defined", "not((a in is_defined(b)))"),
        ("2 ** 3 ** 2", "((2 ** 3) ** 2)"),
        ("-2 ** 2", "(-(2) ** 2)"),
        ("-a | abs", "abs(-(a))"),
        ("a * b // c", "(a * floor((b / c)))"),
        ("a // b % c", "floor(((a / b) % c))"),
        ("a ~ b | upper", "(a ~ upper(b))"),
        ("a < b == c < d", "((a < b) == (c < d))"),
        ("a.b['c']", "a['b']['c']"),
        ("a is not odd", "not(is_odd(a))"),
    ],
)
def test_precedence(code: str, tree: str) -> None:
    assert shape(parse_expression(code).root) == tree


def test_the_lexer_splits_text_and_tags_with_their_offsets() -> None:
    tags = lexer.Lexer("a ${{ x }}{%- if y %}", cookiecutter=False, trim_blocks=False, lstrip_blocks=False).tags()
    assert [(tag.kind, tag.name, tag.value, tag.pos, tag.base) for tag in tags] == [
        ("text", "", "a ", 0, 0),
        ("variable", "", "x ", 2, 6),
        ("block", "if", "y", 10, 17),
    ]


def test_the_parser_gives_statements_that_the_compiler_takes() -> None:
    body = parser.parse("{% for x in items %}${{ x }},{% endfor %}")
    program = compiler.Compiler().compile(body)
    state = State({"items": [1, 2]}, filters={}, functions={}, values={}, limits=Limits(), cookiecutter=False)
    parts: list[str] = []
    program.body(program.start(state), parts.append)
    assert "".join(parts) == "1,2,"


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (123456789.125, "123456789.125"),
        (-0.0, "0"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_numbers_print_as_in_javascript(number: float, printed: str) -> None:
    assert numbers.to_text(number) == printed


@pytest.mark.parametrize(
    ("source", "number"),
    [("", 0), (" 12 ", 12), ("0x1f", 31), ("1e3", 1000), ("-Infinity", float("-inf")), (".5", 0.5), ("5.", 5)],
)
def test_text_becomes_a_number_as_in_javascript(source: str, number: float) -> None:
    assert numbers.from_text(source) == number


@pytest.mark.parametrize("source", ["1_000", "12px", "0x", "1e", "--1", "infinity", "\u0661"])
def test_other_text_is_not_a_number(source: str) -> None:
    number = numbers.from_text(source)
    assert number != number  # noqa: PLR0124 - NaN


def test_text_is_counted_and_ordered_in_utf_16() -> None:
    assert text.length("a\U0001f600") == 3
    assert text.fuse(text.units("a\U0001f600b")) == "a\U0001f600b"
    assert text.less("\U0001f600", "\uff00")


def test_record_keys_that_look_like_indexes_come_first() -> None:
    assert list(in_key_order({"b": 1, "10": 2, "2": 3, "01": 4})) == ["2", "10", "b", "01"]
    assert not is_index_key("4294967295")


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[b-a]", "*", "(?<a>x)(?<a>y)", "\\", "(?i)a", "(?<n>a)\\k<m>"])
def test_invalid_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(Failure, match="invalid"):
        regex_syntax.parse(pattern)


@pytest.mark.parametrize(
    ("pattern", "flags", "subject", "span"),
    [
        ("b+", "", "abbb", (1, 4)),
        ("(?<=a)b", "", "bab", (2, 3)),
        ("(a)\\1", "", "abaa", (2, 4)),
        ("^b$", "m", "a\rb\nc", (2, 3)),
        (".", "", "\U0001f600", (0, 1)),
        ("[^a]", "i", "Ab", (1, 2)),
        ("\\u{2}", "", "uu", (0, 2)),
    ],
)
def test_patterns_match_as_in_javascript(pattern: str, flags: str, subject: str, span: tuple[int, int]) -> None:
    spans = regex.execute(Regex(pattern, flags), text.units(subject), 0)
    assert spans is not None
    assert spans[0] == span


def test_the_cache_forgets_what_was_not_used_for_long() -> None:
    made: list[str] = []
    cache: SizedCache[str] = SizedCache(10_000)

    def make(key: str) -> str:
        made.append(key)
        return key

    def get(key: str) -> str:
        return cache.get(key, 1000, lambda: make(key))

    for key in ("a", "b", "c", "d", "a", "e", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "d", "e", "b"]
