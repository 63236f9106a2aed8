"""Objects of a cluster in the input of steps: kinds that no cluster serves, manifests that cannot be read, waits."""

import textwrap

import pytest

from backstage_py.lint.check import check_text
from tests.lint.precision import HEAD

_OURS = ("BPY218", "BPY219", "BPY220")


def found(steps: str) -> list[tuple[int, str, str]]:
    """Lines after ``steps:``, which counts as none, with severity and message."""
    text = HEAD + "  steps:\n" + textwrap.indent(textwrap.dedent(steps), "    ")
    above = HEAD.count("\n") + 1
    return [(one.line - above, one.severity, one.message) for one in check_text(text, "t.yaml") if one.code in _OURS]


def applied(manifest: str) -> list[tuple[int, str, str]]:
    """The same for lines of a manifest."""
    step = "- id: apply\n  action: kube:apply\n  input:\n    manifest: |\n"
    return [
        (line - 4, severity, message)
        for line, severity, message in found(step + textwrap.indent(textwrap.dedent(manifest), "      "))
    ]


@pytest.mark.parametrize(
    ("version", "kind", "message"),
    [
        ("v1", "Deployment", "Deployment is served in apps/v1, not in v1"),
        ("apps/v1beta1", "Deployment", "Deployment is served in apps/v1, not in apps/v1beta1"),
        ("app/v1", "Deployment", 'No cluster serves the group "app"'),
        ("apps/v1", "Deploymnt", 'Kubernetes has no kind "Deploymnt" in apps/v1'),
        ("v1", "namespace", 'Kubernetes has no kind "namespace" in v1'),
        ("v1", "Services", 'Kubernetes has no kind "Services" in v1'),
        ("networking.k8s.io/v1beta1", "Ingress", "Ingress is served in networking.k8s.io/v1, not in "),
    ],
)
def test_a_kind_that_no_cluster_serves_is_an_error(version: str, kind: str, message: str) -> None:
    waited = found(
        f"- id: wait\n  action: kubernetes:wait\n  input:\n    apiVersion: {version}\n    kind: {kind}\n    name: a\n"
    )
    manifest = applied(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n")

    line = 2 if "kind " in message else 1
    assert [(at, severity) for at, severity, _ in waited] == [(line + 3, "error")]
    assert [(at, severity) for at, severity, _ in manifest] == [(line, "error")]
    assert waited[0][2].startswith(message)
    assert manifest[0][2] == waited[0][2]


def test_a_list_stands_for_its_items() -> None:
    step = "- id: apply\n  action: kube:apply\n  input:\n    manifest:\n      kind: List\n      items:\n"
    fine, wrong = "{apiVersion: v1, kind: Namespace, metadata: {name: a}}", "{apiVersion: v1, kind: Deployment}"
    items = f"        - {fine}\n        - {wrong}\n"
    assert {message for _, _, message in found(step + items)} == {
        "Deployment is served in apps/v1, not in v1",
        'This object has no "metadata"',
    }
    assert applied("kind: List\nitems: []\n") == []


def test_a_group_that_is_nearly_one_that_is_known_is_a_warning() -> None:
    assert applied("apiVersion: argproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n") == [
        (1, "warning", 'There is no well-known group "argproj.io"')
    ]


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("platform.acme.example/v1alpha1", "Database"),
        ("serving.knative.dev/v1", "Service"),
        ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"),
        ("admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy"),
        ("route.openshift.io/v1", "Route"),
        ("argoproj.io/v1alpha1", "Workflow"),
        ("monitoring.coreos.com/v1alpha1", "ScrapeConfig"),
        ("gateway.networking.k8s.io/v1beta1", "HTTPRoute"),
        ("${{ parameters.version }}", "Deployment"),
        ("batch/v1", "${{ parameters.kind }}"),
    ],
)
def test_what_a_cluster_may_serve_is_left_alone(version: str, kind: str) -> None:
    assert applied(f"apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: ${{{{ parameters.name }}}}\n") == []


def test_the_usual_kinds_need_no_version_and_others_do() -> None:
    steps = """\
    - id: cron
      action: kubernetes:get
      input: {kind: CronJob, name: a}
    - id: application
      action: kubernetes:wait
      input: {kind: Application, name: a}
    """
    assert found(steps) == [(6, "error", 'Kubernetes has no kind "Application" in v1')]


def test_each_document_of_a_manifest_is_looked_at() -> None:
    manifest = """\
    apiVersion: v1
    kind: Namespace
    metadata: {name: a}
    ---
    apiversion: v1
    kind: Secret
    metadata:
      labels: {a: b}
    """
    assert applied(manifest) == [
        (5, "error", 'This object has no "apiVersion"'),
        (7, "error", "This object has no name"),
    ]


def test_a_manifest_that_is_no_yaml_is_an_error_where_it_breaks() -> None:
    broken = applied("apiVersion: v1\nkind: Secret\nmetadata: {name: a\ndata: b\n")
    assert [severity for _, severity, _ in broken] == ["error"]
    assert broken[0][2].startswith("The manifest cannot be read: ")


@pytest.mark.parametrize(
    "manifest",
    [
        "${{ steps.render.output.content }}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  ${{ parameters.more | dump }}\n",
        "{% for one in parameters.names %}\napiVersion: v1\nkind: Secrt\n---\n{% endfor %}\n",
        "apiVersion: v1\nkind: List\nitems: []\nmetadata: {}\n",
    ],
)
def test_what_expressions_give_is_not_judged(manifest: str) -> None:
    assert applied(manifest) == []


@pytest.mark.parametrize("until", ["ready", "condition=Ready=False", "jsonpath={.status.phase}=Running", "delete"])
def test_what_can_be_waited_for_is_accepted(until: str) -> None:
    step = "- id: wait\n  action: kubernetes:wait\n  input: {apiVersion: v1, kind: Pod, name: a, until: "
    assert found(f"{step}'{until}'}}\n") == []
    assert [one[:2] for one in found(f"{step}running}}\n")] == [(3, "error")]
