"""Links to the page on which people edit a file, as ``@backstage/integration`` 2.2.0 resolves them."""

import pytest

from backstage_py.catalog.pipeline.annotations import edit_url
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration

FILES = {"gitilesBaseUrl": "https://gerrit.corp/plugins/gitiles"}
HOSTS = ScmRegistry(
    [
        ScmIntegration("gerrit", "gerrit.corp", "", None, None, None, FILES),
        ScmIntegration("gerrit", "other.corp", "", None, None, None, {**FILES, "disableEditUrl": True}),
    ]
)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://github.com/o/r/blob/main/a.yaml", "https://github.com/o/r/edit/main/a.yaml"),
        (
            "https://gerrit.corp/plugins/gitiles/team/r/+/refs/heads/main/a/b.yaml",
            "https://gerrit.corp/admin/repos/edit/repo/team/r/branch/refs/heads/main/file/a/b.yaml",
        ),
        ("https://gerrit.corp/plugins/gitiles/r", "https://gerrit.corp/plugins/gitiles/r"),
        (
            "https://other.corp/plugins/gitiles/r/+/refs/heads/main/a.yaml",
            "https://other.corp/plugins/gitiles/r/+/refs/heads/main/a.yaml",
        ),
    ],
)
def test_a_file_is_edited_where_its_host_says(url: str, page: str) -> None:
    integration = HOSTS.by_url(url)
    assert integration
    assert edit_url(url, integration) == page
