"""What nearly is a template or an entity is told, and what only mentions Backstage is left alone."""

from pathlib import Path

import pytest

from backstage_py.lint import vocabulary
from backstage_py.lint.check import Options, check_text
from backstage_py.lint.discovery import check_paths
from backstage_py.lint.view import Vocabulary
from backstage_py.model.problem import Severity

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: example
spec:
  type: service
  steps:
    - id: log
      action: debug:log
      input: {message: hello}
"""
COMPONENT = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: web
spec:
  type: service
  lifecycle: production
  owner: team-a
"""


def told(folder: Path, name: str, text: str, options: Options | None = None) -> list[tuple[str, Severity, int]]:
    (folder / name).write_text(text)
    problems = check_paths([folder], options or Options(), workers=1)
    return [(one.code, one.severity, one.line) for one in problems if one.severity != "info"]


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ("apiVersion: scaffolder.backstage.io/v1beta3", "apiversion: scaffolder.backstage.io/v1beta3", ("BPY101", 1)),
        ("apiVersion: scaffolder.backstage.io/v1beta3", "apiVersoin: scaffolder.backstage.io/v1beta3", ("BPY101", 1)),
        ("apiVersion: scaffolder.backstage.io/v1beta3", "", ("BPY101", 2)),
        ("apiVersion: scaffolder.backstage.io/v1beta3", "apiVersion: scaffolder.backstage.io/v1beta4", ("BPY104", 1)),
        ("apiVersion: scaffolder.backstage.io/v1beta3", "apiVersion: scaffolder.backstage.oi/v1beta3", ("BPY104", 1)),
        ("apiVersion: scaffolder.backstage.io/v1beta3", "apiVersion: backstage.io/v1beta2", ("BPY104", 1)),
        ("kind: Template", "kind: Templat", ("BPY105", 2)),
        ("kind: Template", "kind: template", ("BPY105", 2)),
        ("kind: Template", "knid: Template", ("BPY101", 2)),
        ("  type: service", "  ype: service", ("BPY101", 6)),
    ],
)
def test_a_template_that_is_not_quite_one_is_an_error(
    tmp_path: Path, line: str, wrong: str, expected: tuple[str, int]
) -> None:
    code, number = expected

    for name in ("template.yaml", "node-service.yaml"):
        found = told(tmp_path, name, TEMPLATE.replace(line, wrong, 1))
        assert (code, "error", number) in found, name
        (tmp_path / name).unlink()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("template.yaml", "just: [some\ntext: here\n", [("BPY002", "error", 1)]),
        ("template.yaml", "Resources:\n  Api: !Ref Other\n", []),
        ("template.yaml", "replicas: {{ .Values.replicas }}\n", []),
        ("values.yaml", "just: [some\n", []),
        ("a.yaml", COMPONENT.replace("Component", "Componnet"), [("BPY105", "error", 2)]),
        ("a.yaml", COMPONENT.replace("Component", "Product"), [("BPY105", "warning", 2)]),
        ("a.yaml", COMPONENT.replace("v1alpha1", "v1alpha3"), [("BPY105", "error", 1)]),
        ("catalog-info.yaml", COMPONENT.replace("backstage.io", "backstge.io"), [("BPY105", "error", 1)]),
        ("a.yaml", COMPONENT.replace("  name: web", "  name: web\n  titel: x"), [("BPY106", "warning", 5)]),
    ],
)
def test_file_in_a_folder(tmp_path: Path, name: str, text: str, expected: list[tuple[str, Severity, int]]) -> None:
    assert told(tmp_path, name, text) == expected


def test_kind_of_ones_own_is_named_in_the_configuration(tmp_path: Path) -> None:
    own = Options(vocabulary=Vocabulary(kinds=frozenset({"Product"})))

    assert told(tmp_path, "a.yaml", COMPONENT.replace("Component", "Product"), own) == []


MENTIONS = {
    "a manifest of kro whose label names Backstage, and which YAML 1.2 does not take": """\
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: web
  labels: {backstage.io/kubernetes-id: ${schema.spec.name}}
spec: {}
""",
    "a config map that holds a catalog file": """\
apiVersion: v1
kind: ConfigMap
data:
  a: 1
  a: 2
  catalog-info.yaml: |
    apiVersion: backstage.io/v1alpha1
    kind: Nothing
""",
    "a source of sed": COMPONENT.replace("web", "__NAME__"),
    "another source of sed": COMPONENT.replace("web", "%NAME%").replace("team-a", "@OWNER@"),
    "a source of envsubst": COMPONENT.replace("web", "${NAME}"),
    "a source of a person": COMPONENT.replace("web", "<your service>"),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=what) for what, text in MENTIONS.items()])
def test_what_only_mentions_backstage_or_is_to_be_filled_in_is_left_alone(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, "file.yaml", text) == []


@pytest.mark.parametrize("group", ["backstage", "backstage.com", "backstage.oi", "bakstage.io"])
def test_a_group_that_is_nearly_backstages_is_an_error(tmp_path: Path, group: str) -> None:
    text = COMPONENT.replace("backstage.io/", f"{group}/")

    assert told(tmp_path, "catalog-info.yaml", text) == [("BPY105", "error", 1)]


def test_a_group_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    assert told(tmp_path, "catalog-info.yaml", COMPONENT.replace("backstage.io/", "backstage.acme.com/")) == []


def test_catalog_file_that_is_to_be_filled_in_is_no_error(tmp_path: Path) -> None:
    found = told(tmp_path, "catalog-info.yaml", COMPONENT.replace("web", "<your service>"))

    assert [(code, severity) for code, severity, _ in found] == [("BPY102", "warning")]


@pytest.mark.parametrize(
    ("title", "column", "fix"),
    [
        ("'Bob's service'", 15, "Write a quote inside single quotes twice"),
        ('"say "hi" now"', 16, 'Write a quote inside double quotes as \\"'),
    ],
)
def test_quote_that_ends_a_text_too_early_is_told_where_the_rest_begins(
    tmp_path: Path, title: str, column: int, fix: str
) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("  name: example", f"  title: {title}\n  name: example"))

    (problem,) = check_paths([tmp_path], Options())

    assert (problem.code, problem.line, problem.column) == ("BPY002", 4, column)
    assert "the quote before it ends the text" in problem.message
    assert problem.fix is not None
    assert problem.fix.startswith(fix)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("  name: example", "  name: 'example"),
        ("  type: service", "   type: service"),
        ("  type: service", " type: service"),
        ("      action: debug:log", "       action: debug:log"),
        ("      action: debug:log", "     action: debug:log"),
        ("      input: {message: hello}", "      input: {message: hello"),
        ("      input: {message: hello}", '      input: {message: "hello}'),
    ],
)
def test_line_that_breaks_the_yaml_is_the_one_that_is_named(tmp_path: Path, line: str, wrong: str) -> None:
    number = TEMPLATE.split("\n").index(line) + 1

    assert told(tmp_path, "template.yaml", TEMPLATE.replace(line, wrong)) == [("BPY002", "error", number)]


# --- forms, methods, inputs

FORM = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  parameters:
    - title: First
      properties:
        name: {type: string, enum: [a, b]}
      WHERE
  steps:
    - id: log
      action: debug:log
      input: {message: "${{ parameters.name }}"}
"""
REFUSED = {
    "a number for what depends on a property": "dependencies: {name: 5}",
    "a list of what depends": "dependencies: [name]",
    "a text for what depends": "dependencies: name",
    "a text for branches": "dependencies: {name: {oneOf: wrong}}",
    "no branches": "oneOf: []",
    "a text for a list": "required: name",
    "a text for a schema": "if: yes",
    "a wrong type of a page": "type: objetc",
    "a definition that is not there": "allOf: [{$ref: '#/definitions/size'}]",
    "a wrong type of items": "allOf: [{properties: {more: {type: array, items: {type: strin}}}}]",
    "a schema that is a word": "allOf: [{properties: {more: string}}]",
    "a length that is a text": "allOf: [{properties: {more: {type: string, maxLength: '3'}}}]",
}
"""Each observed with the form's validator: ``schema is invalid``."""


def in_form(where: str) -> list[tuple[str, Severity, int]]:
    problems = check_text(FORM.replace("WHERE", where), "template.yaml")
    return [(one.code, one.severity, one.line) for one in problems if one.severity != "info"]


@pytest.mark.parametrize("where", [pytest.param(text, id=what) for what, text in REFUSED.items()])
def test_page_that_the_form_refuses_is_an_error(where: str) -> None:
    assert ("BPY518", "error", 10) in in_form(where)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("descripton: x", [("BPY519", "warning", 10)]),
        ("requierd: [name]", [("BPY519", "warning", 10)]),
        (
            "dependencies: {name: {oneOf: [{properties: {name: {const: a}}, required: [nam]}]}}",
            [("BPY520", "warning", 10)],
        ),
        ("description: null", [("BPY518", "warning", 10)]),
        ("required: [name, name]", [("BPY518", "warning", 10)]),
        ("dependencies: {name: [name]}", []),
        ("allOf: [{if: {properties: {name: {const: a}}}, then: {required: [name]}}]", []),
        ("additionalProperties: false", []),
    ],
)
def test_page_that_the_backend_takes(where: str, expected: list[tuple[str, Severity, int]]) -> None:
    assert in_form(where) == expected


def message(text: str) -> list[tuple[str, Severity]]:
    problems = check_text(
        FORM.replace("WHERE", "required: [name]").replace("${{ parameters.name }}", text), "template.yaml"
    )
    return [(one.code, one.severity) for one in problems if one.code == "BPY410"]


@pytest.mark.parametrize(
    ("expression", "severity"),
    [
        ("parameters.name.replaceAll('a', 'b')", "error"),
        ("parameters.name.toLowercase()", "error"),
        ("parameters.name.push('a')", "error"),
        ("parameters.other.map()", "error"),
        ("(parameters.name | lower).padStart(3)", "error"),
        ("parameters.name if parameters.name else parameters.name.repeat(2)", "warning"),
        ("parameters.name.split('-')[0].trim().toUpperCase()", None),
        ("parameters.things.push('a')", None),
        ("r/a/.test(parameters.name)", None),
        ("joiner('a')()", None),
    ],
)
def test_method_that_the_engine_lacks(expression: str, severity: Severity | None) -> None:
    assert message(f"x ${{{{ {expression} }}}}") == ([("BPY410", severity)] if severity else [])


def test_method_that_the_engine_lacks_in_a_skeleton(tmp_path: Path) -> None:
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "a.md").write_text("${{ values.name.trim() }}\n${{ values.name.replaceAll('a', 'b') }}\n")
    fetch = "action: fetch:template\n      input: {url: ./skeleton, values: {name: x}}\n"
    text = TEMPLATE.replace("action: debug:log\n      input: {message: hello}\n", fetch)

    assert told(tmp_path, "template.yaml", text) == [("BPY611", "error", 2)]


def test_methods_are_those_of_the_engine() -> None:
    from backstage_py.templating.methods import arrays, collections, numbers, records, regexes, strings

    assert set(strings.METHODS) == vocabulary.TEXT_METHODS
    assert set(numbers.METHODS) == vocabulary.NUMBER_METHODS
    assert set(arrays.METHODS) == vocabulary.LIST_METHODS
    others = {*collections.MAP_METHODS, *collections.SET_METHODS, *regexes.METHODS}
    assert others == vocabulary.OTHER_METHODS
    jinja = {*arrays.JINJA_METHODS, *records.JINJA_METHODS}
    assert jinja - vocabulary.LIST_METHODS == vocabulary.COOKIECUTTER_METHODS


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("catalogInfoUrl: {a: b}", '"catalogInfoUrl" must be string, not object'),
        ("{repoContentsUrl: {a: b}, catalogInfoPath: /x}", '"repoContentsUrl" must be string, not object'),
        ("{catalogInfoUrl: 'https://a', optional: 'true'}", '"optional" must be boolean, not string'),
        ("{repoContentUrl: 'https://a'}", 'catalog:register has no input "repoContentUrl"'),
    ],
)
def test_what_is_wrong_with_an_object_is_told_at_the_object(given: str, expected: str) -> None:
    step = f"action: catalog:register\n      input: {given if given.startswith('{') else '{' + given + '}'}\n"
    text = TEMPLATE.replace("action: debug:log\n      input: {message: hello}\n", step)

    assert expected in [one.message for one in check_text(text, "template.yaml")]


REGISTERED = """\
      input: {}
    - {id: a, action: catalog:register, input: {catalogInfoUrl: x}}
    - {id: b, action: debug:log, input: {message: "a ${{ steps.a.output.entityReff }}"}}"""


@pytest.mark.parametrize(
    ("line", "wrong", "code"),
    [
        ("    - id: log", "    - di: log", "BPY113"),
        ("  steps:", "  output: {links: [{titel: a, url: b}]}\n  steps:", "BPY713"),
        ("  steps:", "  output: {links: [{title: a, ulr: b}]}\n  steps:", "BPY711"),
        ("      input: {message: hello}", "      input: {message: {{ parameters.name }}}", "BPY406"),
        ("      input: {message: hello}", '      input: {message: "a ${{ steps.log.output.x }}"}', "BPY304"),
        (
            "      input: {message: hello}",
            REGISTERED,
            "BPY304",
        ),
    ],
)
def test_slip_of_a_short_or_free_name_is_told(line: str, wrong: str, code: str) -> None:
    problems = check_text(TEMPLATE.replace(line, wrong), "template.yaml")

    assert code in {one.code for one in problems if one.severity == "warning"}


TWICE = """\
    - {id: one, action: debug:log, if: "${{ parameters.a }}"}
    - {id: one, action: debug:wait, if: "CONDITION"}
    - {id: log, action: debug:log, input: {message: "a ${{ steps.one.output.x }}"}}
"""


@pytest.mark.parametrize(
    ("condition", "severity"),
    [("${{ not parameters.a }}", "info"), ("${{ parameters.b }}", "warning"), ("${{ parameters.a }}", "warning")],
)
def test_steps_of_one_id_exclude_each_other_where_they_ask_about_the_same(condition: str, severity: Severity) -> None:
    text = TEMPLATE[: TEMPLATE.index("    - id")] + TWICE.replace("CONDITION", condition)

    assert [one.severity for one in check_text(text, "t.yaml") if one.code == "BPY111"] == [severity]
