import pytest

from backstage_py.errors import InputError
from backstage_py.integrations import repo_url
from backstage_py.integrations.scm import ScmRegistry

HOSTS = ScmRegistry()


def test_a_repo_url_is_taken_apart() -> None:
    found = repo_url.parse("github.com?owner=/acme/&repo=shop", HOSTS)
    assert found.as_json() == {"host": "github.com", "owner": "acme", "repo": "shop"}


def test_each_host_needs_its_own_parts() -> None:
    assert repo_url.parse("dev.azure.com?organization=o&project=p&repo=r", HOSTS).project == "p"
    assert repo_url.parse("gitlab.com?project=7&repo=r", HOSTS).owner is None
    with pytest.raises(InputError, match="missing workspace"):
        repo_url.parse("bitbucket.org?project=p&repo=r", HOSTS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("github.com?owner=o", "Invalid repo URL passed to publisher: https://github.com/?owner=o, missing repo"),
        ("git.nowhere?owner=o&repo=r", "No matching integration configuration for host git.nowhere"),
        ("", "No matching integration configuration for host"),
    ],
)
def test_what_is_missing_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        repo_url.parse(text, HOSTS)
    assert raised.value.message.startswith(said)
