"""The built-in actions, one family per module, through the same door as a third party's.

``ACTIONS`` is what the entry point offers. A family's module imports ``backstage_py.plugin``, ``plugin.formats`` and
the adapters of ``backstage_py.integrations`` that ``pyproject.toml`` names, and nothing else of the service
(import-linter holds it); foreign clients are imported when an action runs. One thing is not public: these actions never
block, so they run on the service's own event loop (``is_trusted_on_loop``) and use ``plugin.brief`` there.
"""

from backstage_py.plugin import Action
from backstage_py_actions import (
    argocd,
    azure,
    bitbucket,
    catalog,
    crossplane,
    debug,
    fetch,
    filesystem,
    gerrit,
    gitea,
    github,
    gitlab,
    gitops,
    http,
    kubernetes,
    ms_teams,
    notifications,
    policy,
    roadiehq,
    score,
    slack,
    summary,
    terraform,
    vault,
)

ACTIONS: tuple[Action, ...] = (
    *fetch.ACTIONS,
    *filesystem.ACTIONS,
    *catalog.ACTIONS,
    *debug.ACTIONS,
    *http.ACTIONS,
    *github.ACTIONS,
    *gitlab.ACTIONS,
    *gitea.ACTIONS,
    *gerrit.ACTIONS,
    *bitbucket.ACTIONS,
    *azure.ACTIONS,
    *roadiehq.ACTIONS,
    *notifications.ACTIONS,
    *slack.ACTIONS,
    *ms_teams.ACTIONS,
    *summary.ACTIONS,
    *kubernetes.ACTIONS,
    *crossplane.ACTIONS,
    *argocd.ACTIONS,
    *gitops.ACTIONS,
    *vault.ACTIONS,
    *score.ACTIONS,
    *policy.ACTIONS,
    *terraform.ACTIONS,
)
