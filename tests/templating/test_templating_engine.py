import concurrent.futures
import re

import pytest

from backstage_py.templating.engine import (
    UNDEFINED,
    JsMap,
    Json,
    JsSet,
    Limits,
    Renderer,
    TemplateError,
    TemplateLimitError,
    TemplateRuntimeError,
    TemplateSyntaxError,
    backstage_renderer,
    render_template_value,
)

RENDERER = Renderer()


def test_a_sole_expression_keeps_its_type_and_anything_else_is_text() -> None:
    context = RENDERER.prepare({"port": 8080, "labels": {"a": [1, None]}})
    assert RENDERER.render_value("${{ port }}", context) == 8080
    assert RENDERER.render_value("${{ labels }}", context) == {"a": [1, None]}
    assert RENDERER.render_value("${{ port }}\n", context) == "8080\n"
    assert RENDERER.render_value("${{ missing }}", context) is UNDEFINED


def test_numbers_come_as_json_has_them() -> None:
    assert RENDERER.render_value("${{ [0 / 0, 1 / 0, 6 / 2, -0, 1.5] }}", {}) == [None, None, 3, 0, 1.5]
    assert isinstance(RENDERER.render_value("${{ 6 / 2 }}", {}), int)


def test_text_without_code_is_given_back_as_it_is() -> None:
    text = "{{ not ours }} ${HOME} #!/bin/sh {\n" * 3
    assert RENDERER.render(text, {}) is text
    assert RENDERER.render_value(text, {}) is text


def test_a_prepared_context_does_not_follow_the_callers_changes() -> None:
    data: dict[str, Json] = {"list": [1]}
    context = RENDERER.prepare(data)
    data["list"].append(2)
    assert RENDERER.render_value("${{ list }}", context) == [1]


def test_a_template_cannot_change_a_prepared_context_or_the_callers_values() -> None:
    data = {"list": [1], "deep": {"list": [3, 2]}}
    context = RENDERER.prepare(data)
    assert RENDERER.render("{% set x = list.push(2) %}${{ list }}", context) == "1,2"
    assert (
        RENDERER.render("${{ deep.list.sort() }}${{ deep['list'][method]() }}", context.with_value("method", "pop"))
        == "2,33"
    )
    assert RENDERER.render("${{ list }}${{ deep.list }}", context) == "13,2"
    assert data == {"list": [1], "deep": {"list": [3, 2]}}


def test_a_result_is_the_callers_to_change() -> None:
    context = RENDERER.prepare({"list": [1]})
    result = RENDERER.render_value("${{ list }}", context)
    assert isinstance(result, list)
    result.append(2)
    assert RENDERER.render_value("${{ list }}", context) == [1]


def test_with_value_adds_to_a_copy_and_shares_the_rest() -> None:
    first = RENDERER.prepare({"parameters": {"a": 1}, "steps": {"one": {"output": 1}}})
    second = first.with_value(["steps", "two"], {"output": 2})
    assert RENDERER.render_value("${{ steps }}", second) == {"one": {"output": 1}, "two": {"output": 2}}
    assert RENDERER.render_value("${{ steps.two }}", first) is UNDEFINED
    assert second.values["parameters"] is first.values["parameters"]


@pytest.mark.parametrize(
    ("path", "value"), [(["a", "b"], 1), (["constructor"], 1), (["x"], {"__proto__": 1}), (["x"], object())]
)
def test_with_value_refuses_what_a_template_could_not_hold(path: list[str], value: Json) -> None:
    with pytest.raises(TemplateRuntimeError):
        RENDERER.prepare({"a": "text"}).with_value(path, value)


def test_values_that_contain_themselves_are_refused() -> None:
    loop: list[Json] = []
    loop.append(loop)
    with pytest.raises(TemplateRuntimeError, match="contain itself"):
        RENDERER.prepare({"loop": loop})


def test_maps_and_sets_can_be_used() -> None:
    context = {"m": JsMap([(1, "one"), ("1", "text")]), "s": JsSet([1, "1", 1])}
    assert (
        RENDERER.render("${{ m.get(1) }} ${{ m.get('1') }} ${{ m.size }} ${{ s.size }} ${{ s.has(2) }}", context)
        == "one text 2 2 false"
    )
    assert RENDERER.render("{% for k, v in m %}${{ k }}=${{ v }};{% endfor %}", context) == "1=one;1=text;"


def test_filters_and_globals_of_plugins_get_and_give_plain_data() -> None:
    seen: list[Json] = []

    def tag(value: Json, *arguments: Json) -> Json:
        seen.append([value, *arguments])
        return {"tagged": value}

    renderer = Renderer(
        filters={"tag": tag, "upper": lambda value: f"<{value}>"}, globals={"team": "x", "add": lambda a, b: a + b}
    )
    assert renderer.render_value("${{ [1, missing] | tag({a: team}, missing) }}", {}) == {"tagged": [1, None]}
    assert seen == [[[1, None], {"a": "x"}, UNDEFINED]]
    assert renderer.render("${{ add(1, 2) }} ${{ 'a' | upper }} ${{ team }}", {}) == "3 <a> x"


def test_the_context_wins_over_globals() -> None:
    assert Renderer(globals={"team": "global"}).render("${{ team }}", {"team": "context"}) == "context"


def test_a_failing_filter_names_itself() -> None:
    def broken(_: Json) -> Json:
        raise ValueError("no such team")

    with pytest.raises(TemplateRuntimeError, match=r"broken.*no such team"):
        Renderer(filters={"broken": broken}).render("${{ 1 | broken }}", {})


@pytest.mark.parametrize("name", ["a-b", "", "constructor", "a..b"])
def test_a_filter_with_a_name_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        Renderer(filters={name: str})


@pytest.mark.parametrize(
    "source",
    [
        "${{ ''.__class__ }}",
        "${{ x.__class__.__mro__ }}",
        "${{ x['__init__'] }}",
        "${{ x.append.__self__ }}",
        "${{ range.__globals__ }}",
        "${{ fn.__globals__ }}",
        "${{ [x] | selectattr('__class__') }}",
        "${{ [x] | sort(false, false, '__len__') | join }}",
    ],
)
def test_python_objects_cannot_be_reached(source: str) -> None:
    renderer = Renderer(globals={"fn": lambda: 1})
    assert "_" not in str(renderer.render(source, {"x": {}}))


@pytest.mark.parametrize(
    "source", ["${{ a.constructor }}", "${{ a['__proto__'] }}", "${{ {prototype: 1} }}", "{% set constructor = 1 %}"]
)
def test_names_that_are_dangerous_in_javascript_do_not_parse(source: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="reserved"):
        RENDERER.render(source, {"a": {}})


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("{% for a in range(2000) %}{% for b in range(2000) %}x{% endfor %}{% endfor %}", "work"),
        ("{% macro m() %}${{ m() }}{% endmacro %}${{ m() }}", "nesting"),
        ("${{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "nesting"),
        ("{% if 1 %}" * 600 + "{% endif %}" * 600, "nesting"),
        ("${{ " + "1 + " * 3000 + "1 }}", "nesting"),
        ("{% set a = 'xxxxxxxx' %}{% for i in range(40) %}{% set a = a ~ a %}{% endfor %}${{ a }}", "scratch"),
        (
            (
                "{% set a = 'x' %}{% for i in range(22) %}{% set a = a ~ a %}{% endfor %}"
                "{% for i in range(9) %}${{ a }}{% endfor %}"
            ),
            "output",
        ),
        ("${{ range(100001) }}", "entries"),
        ("{% set a = [1] %}{% for x in a %}{% set y = a.push(x) %}{% endfor %}", "entries"),
        ("{% for i in range(4097) %}${{ now() }}{% endfor %}", "calls"),
        ("${{ {length: 4000000000} | reverse }}", "work"),
        (f"${{{{ r/(?=(a+)+$)b/.test('{'a' * 40}c') }}}}", "regex"),
        (f"${{{{ r/(a*)*\\1b/.test('{'a' * 40}c') }}}}", "regex"),
    ],
)
def test_work_is_bounded(source: str, limit: str) -> None:
    renderer = Renderer(globals={"now": lambda: 1})
    with pytest.raises(TemplateLimitError) as caught:
        renderer.render(source, {})
    assert caught.value.limit == limit


def test_a_regex_that_explodes_elsewhere_takes_linear_time() -> None:
    assert RENDERER.render("${{ r/^(a+)+$/.test(text) }}", {"text": "a" * 100_000 + "b"}) == "false"


@pytest.mark.parametrize(
    "source",
    [
        "${{ text | replace(r/a/g, 'b') | length }}",
        "${{ text.split(r/a/).length }}",
        "${{ text | striptags(true) | length }}",
        "${{ (' ' ~ text) | urlize | length }}",
        "${{ text | title | wordcount }}",
        "{% if text is lower %}${{ text.replace(r/(?:\u00e9)/g, 'e').length }}{% endif %}",
    ],
)
def test_long_texts_take_time_in_proportion(source: str) -> None:
    text = ("a" + " " * 20) * 4000 + "<b" * 20_000 + "<!--" * 20_000 + "\u00e9" * 40_000
    assert int(RENDERER.render(source, {"text": text}) or 0) > 0


def test_limits_can_be_tightened() -> None:
    renderer = Renderer(limits=Limits(work=100, output=10, source=200))
    with pytest.raises(TemplateLimitError, match="100 work units"):
        renderer.render("{% for i in range(90) %}.{% endfor %}", {})
    with pytest.raises(TemplateLimitError, match="10 UTF-16"):
        renderer.render("${{ 'x' }}12345678901", {})
    with pytest.raises(TemplateLimitError, match="200 UTF-16"):
        renderer.render("${{ 1 }}" + "x" * 200, {})


def test_many_threads_can_share_a_renderer_and_a_context() -> None:
    context = RENDERER.prepare({"items": list(range(50))})
    source = "{% set seen = [] %}{% for i in items %}{% set x = seen.push(i) %}{% endfor %}${{ seen | sum }}:${{ n }}"

    def render(number: int) -> str:
        return RENDERER.render(source, context.with_value("n", number))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(render, range(200))) == [f"1225:{number}" for number in range(200)]


def test_step_input_is_rendered_in_all_texts_but_not_in_keys() -> None:
    renderer = backstage_renderer()
    context = renderer.prepare({"parameters": {"name": "web", "tags": ["a"]}})
    value = {
        "${{ k }}": "${{ parameters.name }}-svc",
        "tags": "${{ parameters.tags }}",
        "n": 1,
        "list": ["${{ x }}", "${{ parameters.name }}"],
        "gone": "${{ x }}",
    }
    assert render_template_value(renderer, value, context) == {
        "${{ k }}": "web-svc",
        "tags": ["a"],
        "n": 1,
        "list": [None, "web"],
    }
    assert render_template_value(renderer, "${{ x }}", context) is UNDEFINED


def test_a_number_beyond_all_numbers_is_nothing_as_json_has_it() -> None:
    assert RENDERER.render_value(f"{{% if true %}}{'9' * 5000}{{% endif %}}", {}, coercion="json") is None


def test_a_failing_text_stays_raw_and_is_reported() -> None:
    failures: list[tuple[str, tuple[str | int, ...]]] = []

    def note(error: TemplateError, path: tuple[str | int, ...]) -> None:
        failures.append((error.message, path))

    value = {"a": ["${{ x || y }}", "ok"], "b": {"c": "${{ 'x' | nosuch }}"}}
    assert render_template_value(backstage_renderer(), value, {}, on_error=note) == value
    assert [path for _, path in failures] == [("a", 0), ("b", "c")]


def test_errors_of_a_template_are_one_family() -> None:
    for source in ("${{", "${{ missing() }}", "${{ range(1000000) }}"):
        with pytest.raises(TemplateError) as caught:
            RENDERER.render(source, {}, filename="skeleton/file.txt")
        assert re.match(r"skeleton/file\.txt:1:\d+: ", str(caught.value))
