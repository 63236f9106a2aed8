"""``publish:azure`` and ``azure:*``, for Azure DevOps.

``client`` opens the organization that an action is about. What Azure answers is reached through ``integrations.azure``
and ``forges.azure`` only. ``azure:repo:*`` are older names of what ``azure:repository:*`` and ``azure:pr:create`` do.
"""

from backstage_py.plugin import Action
from backstage_py_actions.azure.publish import publish_azure

ACTIONS: tuple[Action, ...] = (publish_azure,)
