"""``kubernetes:*``, and the community's ids for the same: ``kube:*`` and ``cnoe:kubernetes:apply``.

``externalsecret:create`` and ``sealedsecret:create`` make secrets without their values in a manifest. What a cluster is
asked goes through the adapter ``integrations.kubernetes``; here is what inputs mean and what a task's log says. Every
action applies the operator's rules (``cluster``), waits no longer than its ``timeoutSeconds``, ends early when its task
is cancelled, and does nothing twice when its step runs again.
"""

from backstage_py.plugin import Action
from backstage_py_actions.kubernetes import apply, community, delete, get, namespace, rollout, secrets, wait

ACTIONS: tuple[Action, ...] = (
    *apply.ACTIONS,
    *delete.ACTIONS,
    *wait.ACTIONS,
    *get.ACTIONS,
    *namespace.ACTIONS,
    *rollout.ACTIONS,
    *secrets.ACTIONS,
    *community.ACTIONS,
)
