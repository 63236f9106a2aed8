"""Problems stand where an author looks for them: at the character of the expression, however the text is written."""

import textwrap

import pytest

from backstage_py.lint.check import check_text

HEAD = textwrap.dedent(
    """\
    apiVersion: scaffolder.backstage.io/v1beta3
    kind: Template
    metadata: {name: example}
    spec:
      type: service
      steps:
        - id: log
          action: debug:log
          input:
    """
)


@pytest.mark.parametrize(
    "value",
    [
        "message: x ${{ parameters.wrong }}",
        "message: 'it''s ${{ parameters.wrong }}'",
        r'message: "a \"b\" \t ${{ parameters.wrong }}"',
        "message: |\n  first\n    second ${{ parameters.wrong }}\n  third",
        "message: >-\n  folded\n  lines\n\n  ${{ parameters.wrong }}",
        "message: |2-\n    kept ${{ parameters.wrong }}",
        "message: plain\n  over lines ${{ parameters.wrong }}",
        'message: "é \U0001f600 ${{ parameters.wrong }}"',
        "message: &anchor ${{ parameters.wrong }}",
        "message: !!str ${{ parameters.wrong }}",
        "{message: ${{ parameters.wrong }}}",
    ],
    ids=["plain", "single", "double", "literal", "folded", "indented", "multiline", "astral", "anchor", "tag", "flow"],
)
def test_expression_is_found_in_every_style(value: str) -> None:
    if value.startswith("{"):
        value = value.replace("${{ parameters.wrong }}", '"${{ parameters.wrong }}"')
    text = HEAD + textwrap.indent(value, "        ") + "\n"
    line = next(number for number, one in enumerate(text.split("\n"), 1) if "wrong" in one)
    shown = text.split("\n")[line - 1]
    column = len(shown[: shown.index("wrong")].encode("utf-16-le")) // 2 + 1

    problems = [problem for problem in check_text(text, "t.yaml") if problem.code == "BPY301"]

    assert [(problem.line, problem.column) for problem in problems] == [(line, column)]


def test_windows_line_ends_and_a_byte_order_mark_do_not_move_places() -> None:
    text = "\ufeff" + (HEAD + "        message: ${{ parameters.wrong }}\n").replace("\n", "\r\n")

    problems = [problem for problem in check_text(text, "t.yaml") if problem.code == "BPY301"]

    assert [(problem.line, problem.column) for problem in problems] == [(10, 33)]


def test_second_document_has_its_own_lines() -> None:
    first = HEAD + "        message: hello\n"
    second = HEAD.replace("name: example", "name: other") + "        message: ${{ parameters.wrong }}\n"

    problems = [problem for problem in check_text(f"{first}---\n{second}", "t.yaml") if problem.code == "BPY301"]

    assert [problem.line for problem in problems] == [first.count("\n") + 1 + second.count("\n")]


def test_problem_in_an_alias_stands_at_its_anchor() -> None:
    text = HEAD + "        message: &text ${{ parameters.wrong }}\n    - id: again\n      action: debug:log\n"
    text += "      input: {message: *text}\n"

    problems = [problem for problem in check_text(text, "t.yaml") if problem.code == "BPY301"]

    assert {problem.line for problem in problems} == {10}
