import pytest

from backstage_py.templating.engine import DESCRIPTIONS, UNDEFINED, Json, TemplateError, backstage_renderer

RENDERER = backstage_renderer()


def value(source: str, **context: Json) -> Json:
    return RENDERER.render_value(source, context)


def test_a_repository_url_is_taken_apart() -> None:
    url = "github.com?owner=acme&repo=web%20app"
    assert value("${{ u | parseRepoUrl }}", u=url) == {"host": "github.com", "owner": "acme", "repo": "web app"}
    assert value("${{ u | projectSlug }}", u=url) == "acme/web app"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("example.com?owner=a&repo=b", "No matching integration configuration for host example.com"),
        ("https://github.com?owner=a&repo=b", "config. Leave out 'https://': a repoUrl begins with the host"),
        ("github.com?owner=a", "missing repo"),
        ("dev.azure.com?organization=o&repo=r", "missing project"),
        ("git hub.com?owner=a&repo=b", "Invalid repo URL"),
    ],
)
def test_a_repository_url_that_cannot_be_used_is_an_error(url: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        value("${{ u | parseRepoUrl }}", u=url)


def test_integrations_decide_which_hosts_are_known() -> None:
    renderer = backstage_renderer(lambda host: "gitlab" if host == "git.example.com:8443" else None)
    context = {"u": "git.example.com:8443?project=7&repo=r"}
    assert renderer.render_value("${{ (u | parseRepoUrl).project }}", context) == "7"


def test_plugins_win_over_backstages_filters() -> None:
    renderer = backstage_renderer(
        extra_filters={"projectSlug": lambda _: "mine"}, extra_globals={"failure": lambda: True}
    )
    assert renderer.render("${{ 'x' | projectSlug }} ${{ failure() }}", {}) == "mine true"


def test_an_entity_reference_is_taken_apart() -> None:
    assert value("${{ 'group:team' | parseEntityRef }}") == {"kind": "group", "namespace": "default", "name": "team"}
    assert (
        value("${{ 'team' | parseEntityRef({defaultKind: 'group', defaultNamespace: 'ns'}) | pick('namespace') }}")
        == "ns"
    )
    with pytest.raises(TemplateError, match="missing or empty kind"):
        value("${{ 'team' | parseEntityRef }}")


def test_pick_reads_paths() -> None:
    data = {"a": {"b": [1, {"c": 2}]}, "a.b": "dotted"}
    assert value("${{ o | pick('a.b') }}", o=data) == "dotted"
    assert value("${{ o | pick('a.b[1].c') }}", o=data) == 2
    assert value("${{ o | pick('x.y', 'none') }}", o=data) == "none"
    assert value("${{ o | pick('x') }}", o=data) is UNDEFINED


def test_filters_describe_themselves_in_backstages_format() -> None:
    assert list(DESCRIPTIONS) == ["parseRepoUrl", "parseEntityRef", "pick", "projectSlug"]
    slug = DESCRIPTIONS["projectSlug"].as_json()
    draft = "http://json-schema.org/draft-07/schema#"
    assert slug["schema"] == {
        "input": {"type": "string", "description": "repo URL as collected from repository picker", "$schema": draft},
        "output": {"type": "string", "$schema": draft},
    }
    assert slug["examples"][0]["notes"].endswith("- **Output**: backstage/backstage\n")
