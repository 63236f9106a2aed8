"""``publish:azure`` and ``azure:*``, for Azure DevOps.

``client`` opens the organization that an action is about. What Azure answers is reached through ``integrations.azure``
and ``forges.azure`` only. ``azure:repo:*`` are older names of what ``azure:repository:*`` and ``azure:pr:create`` do.
"""

from backstage_py.plugin import Action
from backstage_py_actions.azure.pipelines import azure_pipeline_create, azure_pipeline_permit, azure_pipeline_run
from backstage_py_actions.azure.publish import publish_azure
from backstage_py_actions.azure.pull_request import azure_pr_create, azure_repo_pr
from backstage_py_actions.azure.repositories import (
    azure_repo_clone,
    azure_repo_push,
    azure_repository_clone,
    azure_repository_push,
)

ACTIONS: tuple[Action, ...] = (
    publish_azure,
    azure_pipeline_create,
    azure_pipeline_permit,
    azure_pipeline_run,
    azure_pr_create,
    azure_repository_clone,
    azure_repository_push,
    azure_repo_clone,
    azure_repo_pr,
    azure_repo_push,
)
