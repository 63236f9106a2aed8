"""``publish:gitlab``, ``publish:gitlab:merge-request`` and ``gitlab:*``.

One module per thing that GitLab has. ``client`` makes the authenticated client, ``commits`` turns files of the
workspace into a commit through the API. What GitLab answers is reached through ``integrations.gitlab`` and
``forges.gitlab`` only.
"""

from backstage_py.plugin import Action
from backstage_py_actions.gitlab.access import gitlab_group_access
from backstage_py_actions.gitlab.groups import gitlab_group_ensure_exists, gitlab_group_migrate
from backstage_py_actions.gitlab.issues import gitlab_issue_edit, gitlab_issues_create
from backstage_py_actions.gitlab.merge_request import publish_gitlab_merge_request
from backstage_py_actions.gitlab.pipelines import gitlab_pipeline_trigger, gitlab_project_variable_create
from backstage_py_actions.gitlab.publish import publish_gitlab
from backstage_py_actions.gitlab.push import gitlab_repo_push
from backstage_py_actions.gitlab.tokens import gitlab_project_access_token_create, gitlab_project_deploy_token_create
from backstage_py_actions.gitlab.users import gitlab_user_info

ACTIONS: tuple[Action, ...] = (
    publish_gitlab,
    publish_gitlab_merge_request,
    gitlab_group_access,
    gitlab_group_ensure_exists,
    gitlab_group_migrate,
    gitlab_issue_edit,
    gitlab_issues_create,
    gitlab_pipeline_trigger,
    gitlab_project_access_token_create,
    gitlab_project_deploy_token_create,
    gitlab_project_variable_create,
    gitlab_repo_push,
    gitlab_user_info,
)
