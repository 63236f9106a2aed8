"""The built-in actions, one family per module, through the same door as a third party's.

``ACTIONS`` is what the entry point offers. A family's module imports ``backstage_py.plugin`` and adapters of
``backstage_py.integrations``; foreign clients are imported when an action runs.
"""

from backstage_py.plugin import Action
from backstage_py_actions import (
    argocd,
    catalog,
    debug,
    fetch,
    filesystem,
    github,
    http,
    kubernetes,
    ms_teams,
    notifications,
    roadiehq,
    slack,
    vault,
)

ACTIONS: tuple[Action, ...] = (
    *fetch.ACTIONS,
    *filesystem.ACTIONS,
    *catalog.ACTIONS,
    *debug.ACTIONS,
    *http.ACTIONS,
    *github.ACTIONS,
    *roadiehq.ACTIONS,
    *notifications.ACTIONS,
    *slack.ACTIONS,
    *ms_teams.ACTIONS,
    *kubernetes.ACTIONS,
    *argocd.ACTIONS,
    *vault.ACTIONS,
)
