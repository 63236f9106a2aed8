import pytest

from backstage_py.errors import InputError, NotAllowedError
from backstage_py.integrations.hosts import scm_url
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration

GERRIT = {
    "baseUrl": "https://gerrit.corp/g",
    "gitilesBaseUrl": "https://gerrit.corp/g/plugins/gitiles",
    "username": "u",
    "password": "p",
}
COMMIT = "0123456789" * 4
HOSTS = ScmRegistry(
    [
        ScmIntegration(
            "gitlab",
            "git.corp",
            "git.corp",
            "https://git.corp/lab/api/v4",
            None,
            None,
            {"baseUrl": "https://git.corp/lab"},
        ),
        ScmIntegration("gitea", "tea.corp", "tea.corp", None, None, None, {}),
        ScmIntegration("gerrit", "gerrit.corp", "", None, None, None, GERRIT),
        ScmIntegration("bitbucketServer", "bb.corp", "bb.corp", None, None, None, {}),
        ScmIntegration(
            "gitea", "idp.corp:8443", "idp.corp:8443", None, None, None, {"baseUrl": "https://idp.corp:8443/gitea"}
        ),
        ScmIntegration("bitbucketServer", "stash.corp", "", "https://stash.corp/stash/rest/api/1.0", None, None, {}),
    ]
)


def parse(url: str) -> scm_url.ScmUrl:
    integration = HOSTS.by_url(url)
    assert integration
    return scm_url.parse(url, integration)


@pytest.mark.parametrize(
    ("url", "full_name", "ref", "path"),
    [
        ("https://github.com/o/r", "o/r", "", ""),
        ("https://github.com/o/r.git", "o/r", "", ""),
        ("https://github.com/o/r/blob/main/a/b.yaml", "o/r", "main", "a/b.yaml"),
        ("https://github.com/o/r/tree/main/", "o/r", "main", ""),
        ("https://github.com/o/r/blob/v1.0/a%20b.yaml", "o/r", "v1.0", "a b.yaml"),
        ("https://gitlab.com/g/s/p/-/blob/main/a/b.yaml", "g/s/p", "main", "a/b.yaml"),
        ("https://gitlab.com/g/p/blob/main/b.yaml", "g/p", "main", "b.yaml"),
        ("https://git.corp/lab/g/p/-/tree/main/x", "g/p", "main", "x"),
        ("https://tea.corp/o/r/src/branch/main/x.yaml", "o/r", "main", "x.yaml"),
        ("https://idp.corp:8443/gitea/o/r/src/branch/main/x.yaml", "o/r", "main", "x.yaml"),
        ("https://idp.corp:8443/gitea/o/r/src/branch/main/", "o/r", "main", ""),
        ("https://bb.corp/users/ada/repos/r/browse/x.yaml?at=dev", "~ada/r", "dev", "x.yaml"),
        ("https://bb.corp/projects/~ada/repos/r/raw/x.yaml", "~ada/r", "", "x.yaml"),
        ("https://stash.corp/stash/projects/P/repos/r/browse/a/x.yaml?at=dev", "P/r", "dev", "a/x.yaml"),
        ("https://stash.corp/stash/users/ada/repos/r", "~ada/r", "", ""),
        ("https://bitbucket.org/w/r/src/master/x.yaml", "w/r", "master", "x.yaml"),
        ("https://bb.corp/projects/P/repos/r/browse/x.yaml?at=refs/heads/dev", "P/r", "dev", "x.yaml"),
        ("https://gerrit.corp/g/plugins/gitiles/r/+/refs/heads/main/a/b.yaml", "r", "main", "a/b.yaml"),
        ("https://gerrit.corp/a/g/plugins/gitiles/team/x/r/+/refs/heads/main", "team/x/r", "main", ""),
        (f"https://gerrit.corp/g/plugins/gitiles/t/r/+/{COMMIT}/a.yaml", "t/r", COMMIT, "a.yaml"),
        (
            "https://dev.azure.com/org/proj/_git/repo?path=%2Fa%2Fb.yaml&version=GBmain",
            "org/proj/repo",
            "main",
            "a/b.yaml",
        ),
        ("https://dev.azure.com/org/_git/repo?path=/a.yaml", "org/repo/repo", "", "a.yaml"),
    ],
)
def test_urls_are_taken_apart(url: str, full_name: str, ref: str, path: str) -> None:
    found = parse(url)
    assert (found.full_name, found.ref, found.path) == (full_name, ref, path)


def test_the_user_of_a_clone_url_is_sent_to_nobody() -> None:
    found = parse("https://acme@dev.azure.com/acme/Shop/_git/shop?path=/a.yaml")
    assert (found.site, found.full_name) == ("https://dev.azure.com", "acme/Shop/shop")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/only-owner",
        "https://git.corp/elsewhere/g/p",
        "https://github.com/o/r/blob/main/a/%2e%2e/b",
        "https://github.com/o/r/blob/main/%252e%252e/b",
        "https://dev.azure.com/org/proj",
        "https://dev.azure.com/_git/repo?path=/a.yaml",
    ],
)
def test_urls_that_name_no_file_of_a_repository_are_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"Incorrect URL|Invalid SCM URL"):
        parse(url)


BASE = "https://github.com/o/r/blob/main/templates/web/template.yaml"


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("./skeleton", BASE, "https://github.com/o/r/tree/main/templates/web/skeleton"),
        ("../shared", BASE, "https://github.com/o/r/tree/main/templates/shared"),
        ("../../docs", BASE, "https://github.com/o/r/tree/main/docs"),
        (
            "/catalog-info.yaml",
            "https://github.com/o/r/blob/main",
            "https://github.com/o/r/tree/main/catalog-info.yaml",
        ),
        ("/a.yaml", BASE, "https://github.com/o/r/tree/main/a.yaml"),
        ("https://other.example/x", BASE, "https://other.example/x"),
        ("./my skeleton", BASE, "https://github.com/o/r/tree/main/templates/web/my%20skeleton"),
        ("b.yaml", "https://gitlab.com/g/p/-/blob/main/x/a.yaml", "https://gitlab.com/g/p/-/blob/main/x/b.yaml"),
        ("/b.yaml", "https://gitlab.com/g/p/-/blob/main/x/a.yaml", "https://gitlab.com/g/p/-/blob/main/b.yaml"),
        (
            "/b.yaml",
            "https://gerrit.corp/g/plugins/gitiles/t/r/+/refs/heads/main/x/a.yaml",
            "https://gerrit.corp/g/plugins/gitiles/t/r/+/refs/heads/main/b.yaml",
        ),
        (
            "./b.yaml",
            "https://bb.corp/projects/P/repos/r/browse/x/a.yaml?at=dev",
            "https://bb.corp/projects/P/repos/r/browse/x/b.yaml?at=dev",
        ),
        (
            "./skel",
            "https://dev.azure.com/o/p/_git/r?path=/t/template.yaml&version=GBmain",
            "https://dev.azure.com/o/p/_git/r?path=%2Ft%2Fskel&version=GBmain",
        ),
    ],
)
def test_relative_urls_are_seen_from_the_template(url: str, base: str, expected: str) -> None:
    assert scm_url.resolve(url, base, HOSTS.by_url(base)) == expected


@pytest.mark.parametrize(
    "url", ["../../../x", "../../../../../other/repo/blob/main/x", "%2e%2e/%2e%2e/%2e%2e/%2E%2e/x"]
)
def test_relative_urls_never_leave_the_repository(url: str) -> None:
    with pytest.raises(NotAllowedError, match="leads out of the repository"):
        scm_url.resolve(url, BASE, HOSTS.by_url(BASE))


@pytest.mark.parametrize(
    "base",
    [
        "https://idp.corp:8443/gitea/o/r/src/branch/main/t/template.yaml",
        "https://bb.corp/users/ada/repos/r/browse/t/template.yaml",
        "https://stash.corp/stash/projects/P/repos/r/browse/t/template.yaml",
    ],
)
def test_below_a_folder_of_a_host_they_never_leave_it_either(base: str) -> None:
    inside = base.replace("t/template.yaml", "skeleton")
    assert scm_url.resolve("../skeleton", base, HOSTS.by_url(base)) == inside
    with pytest.raises(NotAllowedError, match="leads out of the repository"):
        scm_url.resolve("../../other", base, HOSTS.by_url(base))


def test_public_hosts_are_known_without_configuration_and_configured_ones_come_first() -> None:
    assert [one.host for one in HOSTS.all()][:3] == ["git.corp", "tea.corp", "gerrit.corp"]
    found = HOSTS.by_host("GitHub.com")
    assert found
    assert found.api_base_url == "https://api.github.com"
    assert HOSTS.by_url("https://nowhere.example/x") is None
    assert HOSTS.by_url("no url") is None
