"""``argocd:application:create``, ``argocd:wait``, ``argocd:sync``, ``argocd:delete``, and ``flux:*``.

What is deployed is written as objects of Argo CD and Flux, which ``integrations.gitops`` makes and judges. Where they
go and how they are waited for is as in ``kubernetes:*``: within the operator's rules, no longer than
``timeoutSeconds``, until the task is cancelled, and nothing twice when a step runs again.
"""

from backstage_py.plugin import Action
from backstage_py_actions.gitops import application, flux, operations

ACTIONS: tuple[Action, ...] = (*application.ACTIONS, *operations.ACTIONS, *flux.ACTIONS)
