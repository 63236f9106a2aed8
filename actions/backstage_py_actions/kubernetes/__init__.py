"""The community's actions for Kubernetes: ``kube:*`` and ``cnoe:kubernetes:apply``.

What a cluster is asked goes through the adapter ``integrations.kubernetes``; here is what inputs mean and what a task's
log says. Every action applies the operator's rules (``cluster``) and does nothing twice when its step runs again.
"""

from backstage_py.plugin import Action
from backstage_py_actions.kubernetes import community

ACTIONS: tuple[Action, ...] = (*community.ACTIONS,)
