import pytest

from backstage_py.templating.engine import Renderer, TemplateError, backstage_renderer

RENDERER = backstage_renderer()


def failure(source: str, context: dict[str, object] | None = None, *, renderer: Renderer = RENDERER) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        renderer.render(source, context or {})
    return caught.value


def test_an_error_shows_the_line_with_a_caret_and_a_hint() -> None:
    with pytest.raises(TemplateError) as caught:
        RENDERER.render("name: x\n\tport: ${{ a || b }}\n", {}, filename="catalog-info.yaml", first_line=7)
    assert str(caught.value) == (
        'catalog-info.yaml:8:15: Expected a name, not "|"\n'
        "    \tport: ${{ a || b }}\n"
        "    \t             ^\n"
        '    hint: write "or"'
    )


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("${{ a b }}", 1, 7),
        ("x\n${{ a.b.c() }}", 2, 9),
        ("x\n\n  ${{ 'a' | nosuch }}", 3, 13),
        ("{% if 1 %}\n${{ 5 | upper }}\n{% endif %}", 2, 9),
        ("{% for x in a %}", 1, 1),
        ("a\n{% set x = 1 +\n  * 2 %}", 3, 3),
        ("{% macro m() %}\n${{ missing() }}{% endmacro %}\n${{ m() }}", 2, 5),
        ("a\r\nb ${{ 'x' in 5 }}", 2, 7),
    ],
)
def test_errors_point_at_the_place(source: str, line: int, column: int) -> None:
    error = failure(source)
    assert (error.line, error.column) == (line, column)
    assert error.source_line == source.split("\n")[line - 1].rstrip("\r")


def test_a_source_inside_of_a_file_is_placed_in_the_file() -> None:
    with pytest.raises(TemplateError) as caught:
        RENDERER.render("${{ a b }}", {}, first_line=12, first_column=10)
    assert (caught.value.line, caught.value.column, caught.value.source_line) == (12, 16, "${{ a b }}")


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("${{ a || b }}", '"or"'),
        ("${{ a && b }}", '"and"'),
        ("${{ a ?? b }}", "default"),
        ("${{ a ? b : c }}", "if condition else"),
        ("${{ !a }}", '"not"'),
        ("${{ a?.b }}", "not needed"),
        ("${{ `x` }}", "quotes"),
        ("${{ \u201cx\u201d }}", "straight"),
        ("${{ ${a} }}", "already inside"),
        ("{% if a %}{% else if b %}{% endif %}", "elif b"),
        ("{% if a %}{% elsif b %}{% endif %}", "elif"),
        ("{% if a %}x{% end if %}", "endif"),
        ("{% if a %}x{% endIf %}", "endif"),
        ("{% if a %}x{% fi %}", "endif"),
        ("{% foreach x in y %}{% endfor %}", "for"),
        ("{% fro x in y %}{% endfor %}", '"for"'),
        ("{% include 'x' %}", "this file"),
        ("{% if a = 1 %}{% endif %}", "=="),
        ("${{ 'a' | uper }}", '"upper"'),
        ("${{ 'a' | tojson }}", '"dump"'),
        ("${{ 'a' | parseRepoURL }}", '"parseRepoUrl"'),
        ("${{ 1 is devined }}", '"defined"'),
        ("${{ 'a'.replaceAll('a', 'b') }}", "replace(old, new)"),
        ("${{ 'a'.toUppercase() }}", '"toUpperCase"'),
    ],
)
def test_habits_from_other_languages_get_a_hint(source: str, hint: str) -> None:
    assert hint in (failure(source).hint or "")


def test_a_very_long_line_is_shown_around_the_caret() -> None:
    error = failure("x" * 5000 + "${{ a b }}" + "y" * 5000)
    text = str(error)
    assert error.column == 5007
    assert max(map(len, text.splitlines())) < 200
    shown, caret = text.splitlines()[1:3]
    assert shown[caret.index("^")] == "b"
