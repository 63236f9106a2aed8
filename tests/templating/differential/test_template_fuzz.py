"""Whatever a template says, it gives plain data or a TemplateError, and soon."""

import functools
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.model.json import Json
from backstage_py.templating.engine import (
    UNDEFINED,
    JsMap,
    JsSet,
    Renderer,
    TemplateError,
    TemplateLimitError,
    backstage_renderer,
)
from tests.templating.differential import grammar

RENDERERS = {compatible: backstage_renderer(cookiecutter_compat=compatible) for compatible in (False, True)}
FRAGMENTS = [
    *"|()[]'\"\\/.,:-~\0%=\r",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "**",
    "${",
    "0x",
    "1e9",
    "endfor",
    "__class__",
]
WORDS = [" is ", " not ", " if ", " else ", " in ", "\ud800", "\u2028"]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(grammar.bodies())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(FRAGMENTS + WORDS)) + text[at + draw(st.integers(0, 3)) :]
    return text


def is_plain(value: Json) -> bool:
    """Whether a value is of the closed model: exact types, no subclass that could carry behaviour."""
    if type(value) is list:
        return all(is_plain(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    return value is UNDEFINED or value is None or type(value) in {str, int, float, bool, JsMap, JsSet}


def outcome(render: Callable[[], Json]) -> Json:
    """What rendering gives, or the one kind of error that it may raise."""
    try:
        return render()
    except TemplateError as error:
        return error


@given(mutated(), grammar.contexts(), st.booleans())
def test_a_mutated_template_gives_text_or_a_template_error(
    source: str, context: dict[str, Json], compatible: bool
) -> None:
    result = outcome(lambda: RENDERERS[compatible].render(source, context))
    if isinstance(result, TemplateError):
        assert result.message
        assert 1 <= result.line <= source.count("\n") + source.count("\r") + source.count("\u2028") + 1
    else:
        assert type(result) is str


@given(grammar.values(), grammar.contexts())
def test_a_value_is_plain_data_and_the_context_stays_as_it_was(source: str, context: dict[str, Json]) -> None:
    before = repr(context)
    value = outcome(lambda: RENDERERS[False].render_value(source, context))
    assert isinstance(value, TemplateError) or is_plain(value), value
    assert repr(context) == before


PYTHON_NAMES = sorted(
    {
        name
        for owner in (str, int, float, bool, list, dict, type, object, type(len), type(is_plain), Renderer)
        for name in dir(owner)
        if name.startswith("_")
    }
    | {"gi_frame", "f_globals", "func_globals", "mro", "format", "format_map", "im_func", "tb_frame", "co_code"}
)
RECEIVERS = ["text", "number", "items", "nested", "yes", "nothing", "missing", "range", "loop", "'x'", "(1.5)"]


@pytest.mark.parametrize("compatible", [False, True])
def test_no_python_name_leads_out_of_the_data(compatible: bool) -> None:
    renderer = RENDERERS[compatible]
    context = renderer.prepare(grammar.CONTEXTS[0])
    for receiver, name in itertools.product(RECEIVERS, PYTHON_NAMES):
        for access in (f"{receiver}.{name}", f"{receiver}['{name}']", f"{receiver} | pick('{name}')"):
            source = ("" if compatible else "$") + "{{ " + access + " }}"
            value = outcome(functools.partial(renderer.render_value, source, context))
            assert isinstance(value, TemplateError) or value in {UNDEFINED, None, ""}, source


ENDLESS = [
    "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
    "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x + x %}" * 40 + "${{ x }}",
    "{% set x = [1] %}" + "{% set x = x.concat(x) %}" * 40 + "${{ x }}",
    "{% macro m() %}${{ m() }}{% endmacro %}${{ m() }}",
    "${{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "${{ " + "[" * 100_000 + " }}",
    "${{ " + "not " * 100_000 + "1 }}",
    "${{ " + "-" * 100_000 + "1 }}",
    "${{ 1" + " + 1" * 20_000 + " }}",
    "{% if 1 %}" * 100_000,
    "${{ x" + " | upper" * 10_000 + " }}",
    "${{ x" + ".a" * 20_000 + " }}",
    "${{ range(1000000000) }}",
    "${{ 'x' | center(1000000000) }}",
    "${{ 'a\nb' | indent(1000000000) }}",
    "${{ [1] | batch(1000000000, 'x') | dump }}",
    "${{ ('a' | center(60000)).replace(/ /g, '$`$`$`$`') }}",
]


@pytest.mark.parametrize("source", ENDLESS, ids=lambda source: source[:40])
def test_work_without_end_is_stopped(source: str) -> None:
    result = outcome(lambda: RENDERERS[False].render(source, {"x": "a"}))
    assert isinstance(result, TemplateError) or len(result) < 1_000_000


PATTERNS = ["(a+)+$", "(a|aa)+$", "(a|a)*b", "(.*)*x", "([a-z]+)*\\1$", "(?=(a+)+$)b", "(a{1,30}){1,30}$"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_regular_expression_cannot_hang(pattern: str) -> None:
    source = "${{ text.replace(/" + pattern + "/g, '-') | length }}"
    result = outcome(lambda: RENDERERS[False].render(source, {"text": "a" * 5000 + "!"}))
    assert isinstance(result, TemplateError) or result.isdigit()


def test_a_loop_over_the_bound_says_which_bound() -> None:
    with pytest.raises(TemplateLimitError) as caught:
        RENDERERS[False].render(ENDLESS[0], {})
    assert caught.value.limit in {"work", "output", "entries"}
