"""``publish:github``, ``publish:github:pull-request`` and ``github:*``.

One module per thing that GitHub has. ``client`` makes the authenticated client; ``repository``, ``push`` and
``protection`` are shared by the actions that create, push and protect. What GitHub answers is reached through
``backstage_py.integrations.github`` only.
"""

from backstage_py.plugin import Action
from backstage_py_actions.github.compare import github_commits_compare
from backstage_py_actions.github.environment import github_environment_create
from backstage_py_actions.github.issues import github_issues_create, github_issues_label
from backstage_py_actions.github.publish import github_repo_create, github_repo_push, publish_github
from backstage_py_actions.github.pull_request import publish_github_pull_request
from backstage_py_actions.github.settings import (
    github_autolinks_create,
    github_branch_protection_create,
    github_deploy_key_create,
    github_pages_enable,
    github_repo_rulesets_create,
    github_webhook,
)
from backstage_py_actions.github.workflows import github_actions_dispatch

ACTIONS: tuple[Action, ...] = (
    publish_github,
    publish_github_pull_request,
    github_actions_dispatch,
    github_autolinks_create,
    github_branch_protection_create,
    github_commits_compare,
    github_deploy_key_create,
    github_environment_create,
    github_issues_create,
    github_issues_label,
    github_pages_enable,
    github_repo_create,
    github_repo_push,
    github_repo_rulesets_create,
    github_webhook,
)
