"""``crossplane:*``: what a cluster's Crossplane makes of a request, waited for with all its parts.

What an object of Crossplane looks like is a matter of the adapter ``integrations.crossplane``; here is what inputs
mean. An object is held against its definition before it is applied, applied on the server's side, and so never twice.
"""

from backstage_py.plugin import Action
from backstage_py_actions.crossplane import composite, resource

ACTIONS: tuple[Action, ...] = (*composite.ACTIONS, *resource.ACTIONS)
