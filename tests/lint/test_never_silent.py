"""What nearly is a template or an entity is told, and what only mentions Backstage is left alone."""

from pathlib import Path

import pytest

from backstage_py.lint.check import Options
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
