"""``publish:bitbucketCloud``, ``publish:bitbucketServer``, their pull requests, and pipelines and rules of the former.

``client`` opens the repository that an action is about; the modules of Bitbucket Cloud begin with ``cloud``, those of
Bitbucket Server with ``server``. What Bitbucket answers is reached through ``integrations.bitbucket`` and the forges.
"""

from backstage_py.plugin import Action
from backstage_py_actions.bitbucket.cloud_pipelines import bitbucket_pipelines_run
from backstage_py_actions.bitbucket.cloud_publish import publish_bitbucket_cloud
from backstage_py_actions.bitbucket.cloud_pull_request import publish_bitbucket_cloud_pull_request
from backstage_py_actions.bitbucket.cloud_restriction import bitbucket_cloud_branch_restriction_create
from backstage_py_actions.bitbucket.server_publish import publish_bitbucket_server
from backstage_py_actions.bitbucket.server_pull_request import publish_bitbucket_server_pull_request

ACTIONS: tuple[Action, ...] = (
    publish_bitbucket_cloud,
    publish_bitbucket_cloud_pull_request,
    publish_bitbucket_server,
    publish_bitbucket_server_pull_request,
    bitbucket_pipelines_run,
    bitbucket_cloud_branch_restriction_create,
)
