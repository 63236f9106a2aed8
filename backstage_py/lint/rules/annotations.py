"""BPY1, fourth part: what entities say to plugins: annotations, and the definitions of APIs."""

import re
from collections.abc import Iterator

from backstage_py.lint.documents import Entity
from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import distance, misspelled, nearest, number_of
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject

_COMPONENT = (
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: web\n  annotations:\n    {}\n"
    "spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
)
_API = (
    "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: web\n"
    "spec:\n  type: openapi\n  lifecycle: production\n  owner: team-a\n  definition: |\n    {}\n"
)
_KNOWN: dict[str, frozenset[str]] = {
    "backstage.io": frozenset(
        [
            "edit-url",
            "kubernetes-cluster",
            "kubernetes-id",
            "kubernetes-label-selector",
            "kubernetes-namespace",
            "managed-by-location",
            "managed-by-origin-location",
            "source-location",
            "source-template",
            "techdocs-entity",
            "techdocs-entity-path",
            "techdocs-ref",
            "time-saved",
            "view-url",
        ]
    ),
    "github.com": frozenset({"project-slug", "team-slug", "user-login"}),
    "gitlab.com": frozenset({"instance", "project-id", "project-slug"}),
    "dev.azure.com": frozenset({"build-definition", "project", "project-repo"}),
    "pagerduty.com": frozenset({"integration-key", "service-id"}),
    "sonarqube.org": frozenset({"project-key"}),
    "jenkins.io": frozenset({"job-full-name"}),
    "sentry.io": frozenset({"project-slug"}),
    "circleci.com": frozenset({"project-slug"}),
    "rollbar.com": frozenset({"project-slug"}),
    "argocd": frozenset({"app-name", "app-selector", "app-namespace", "instance-name", "project-name"}),
    "grafana": frozenset({"dashboard-selector", "alert-label-selector", "overview-dashboard", "tag-selector"}),
    "vault.io": frozenset({"secrets-path", "secrets-engine"}),
    "snyk.io": frozenset({"org-id", "org-ids", "org-name", "target-id", "targets", "project-ids"}),
    "opsgenie.com": frozenset({"component-selector", "team"}),
    "newrelic.com": frozenset({"dashboard-guid"}),
    "jira": frozenset({"project-key", "component", "label", "token-type"}),
}
"""Annotations that Backstage and plugins of its community read, from its page on well-known annotations."""

_LOCATIONS = frozenset(
    {
        "backstage.io/managed-by-location",
        "backstage.io/managed-by-origin-location",
        "backstage.io/source-location",
        "backstage.io/techdocs-ref",
    }
)
_TIME_SAVED = "backstage.io/time-saved"
_DURATION = re.compile(r"P(?!\Z)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?")
_SLUGS = frozenset({"github.com/project-slug", "gitlab.com/project-slug"})
_LOCATION = re.compile(r"[a-z][a-z0-9-]*:.+", re.DOTALL)
_TO_FILL_IN = re.compile(r"[{}$<>%]")
_API_TYPES = ("openapi", "asyncapi", "graphql", "grpc", "trpc")
_AS_YAML = ("openapi", "asyncapi")
_LARGEST = 64 * 1024
_SHORTEST_DOMAIN = 8


@rule(
    "BPY117",
    "misspelled-annotation",
    "warning",
    "entity",
    summary="An annotation is a misspelling of one that Backstage or a plugin of its community reads.",
    why="Nothing reads it, so the plugin says that the annotation is missing.",
    bad={"catalog-info.yaml": _COMPONENT.format("backstage.io/techdoc-ref: dir:.")},
    good={"catalog-info.yaml": _COMPONENT.format("backstage.io/techdocs-ref: dir:.")},
)
def misspelled_annotation(entity: Entity) -> Iterator[Finding]:
    """Only what is surely a misspelling, of the domain or of the name below it."""
    found = _annotations(entity)
    for key in found:
        close = _annotation_meant(str(key))
        if close and close not in found:
            path: Path = ("metadata", "annotations", key)
            mended = repair.rename(path, close, sure=False)
            yield Finding(f'Nothing reads "{key}"', path, on_key=True, fix=f'Did you mean "{close}"?', repair=mended)


@rule(
    "BPY118",
    "annotation-value",
    "warning",
    "entity",
    summary="An annotation has a value that Backstage cannot read.",
    why="A location is a type and a target (`dir:.`, `url:https://…`), a project is `OWNER/NAME`, without the "
    "host, and a duration is `PT4H`. Where it is read, an error is shown instead of the page.",
    bad={"catalog-info.yaml": _COMPONENT.format("backstage.io/techdocs-ref: ./docs")},
    good={"catalog-info.yaml": _COMPONENT.format("backstage.io/techdocs-ref: dir:./docs")},
)
def annotation_value(entity: Entity) -> Iterator[Finding]:
    """Locations and projects."""
    for key, value in _annotations(entity).items():
        if not isinstance(value, str) or not value or _TO_FILL_IN.search(value):
            continue
        path: Path = ("metadata", "annotations", key)
        if key in _LOCATIONS and re.match(r"https?://", value):
            mended = repair.write(path, f"url:{value}")
            yield Finding("A location begins with its type", path, fix=f"Write url:{value}", repair=mended)
        elif key in _LOCATIONS and not _LOCATION.fullmatch(value):
            fix = f"Write dir:{value}" if str(key).endswith("techdocs-ref") else f"Write url:{value}"
            yield Finding("A location begins with its type", path, fix=fix)
        elif key == _TIME_SAVED and not _DURATION.fullmatch(value):
            yield Finding(f'"{value}" is no duration', path, fix="Write it as PT4H, for four hours")
        elif key in _SLUGS and ("://" in value or "/" not in value):
            yield Finding(f'"{value}" is no project of the form OWNER/NAME', path)


@rule(
    "BPY119",
    "api-definition",
    "warning",
    "entity",
    summary="The type of an API is a misspelling, or its definition is not of the type.",
    why="The page of the API cannot show the definition.",
    bad={"catalog-info.yaml": _API.format("openapi 3.0.0")},
    good={"catalog-info.yaml": _API.format("openapi: 3.0.0")},
)
def api_definition(entity: Entity) -> Iterator[Finding]:
    """Definitions that stand in the entity, as YAML or JSON."""
    spec = entity.value.get("spec")
    if entity.kind != "API" or not entity.is_built_in or not isinstance(spec, dict):
        return
    kind, text = spec.get("type"), spec.get("definition")
    close = misspelled(kind, _API_TYPES) if isinstance(kind, str) and kind not in _API_TYPES else None
    if close:
        mended = repair.write(("spec", "type"), close)
        message = f'Backstage shows no APIs of the type "{kind}"'
        yield Finding(message, ("spec", "type"), fix=f'Did you mean "{close}"?', repair=mended)
    if kind in _AS_YAML and isinstance(text, str) and text.strip() and len(text) < _LARGEST:
        yield from _definition(text)


def _definition(text: str) -> Iterator[Finding]:
    where: Path = ("spec", "definition")
    documents = yaml.load_all(text)
    problem = next((one.errors[0] for one in documents if one.errors), None)
    if problem is not None:
        line, _ = problem.cause or (problem.line, problem.column)
        offset = sum(len(one) + 1 for one in text.split("\n")[: line - 1])
        yield Finding(f"The definition is no YAML: {problem.message}", where, min(offset, len(text)))
    elif not documents or not isinstance(documents[0].value, dict):
        yield Finding("The definition is no object", where, 0)


def _annotations(entity: Entity) -> JsonObject:
    metadata: Json = entity.value.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _annotation_meant(key: str) -> str | None:
    domain, slash, name = key.partition("/")
    if not slash:
        return None
    if (known := _KNOWN.get(domain)) is not None:
        if name in known:
            return None
        close = misspelled(name, known) or number_of(name, known)
        return f"{domain}/{close}" if close else None
    if (
        same := next((one for one in _KNOWN if _differs_in_ending(one, domain) and name in _KNOWN[one]), None)
    ) is not None:
        return f"{same}/{name}"
    near = nearest(domain, _KNOWN)
    sure = near and len(near) >= _SHORTEST_DOMAIN and distance(domain, near) == 1 and name in _KNOWN[near]
    return f"{near}/{name}" if sure else None


def _differs_in_ending(left: str, right: str) -> bool:
    """Whether two domains are the same but for ``.com`` or ``.org``, or for an end that one of them has."""
    bare = [one.rpartition(".")[0] or one for one in (left, right)]
    return left != right and bare[0] == bare[1]
