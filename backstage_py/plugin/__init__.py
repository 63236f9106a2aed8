"""What an author of plugins imports, and the only thing: ``from backstage_py.plugin import action, ActionContext``.

Here live the decorators and descriptions (they return values and register nothing), the context that an action
gets, the protocols of the services it may ask for, and the registry that collects what entry points name. The
built-in actions come through the same door. How a step is run, stored or streamed does not belong here.
"""

from backstage_py.errors import PermanentError, TemporaryError
from backstage_py.plugin.action import (
    Action,
    ActionAttributes,
    ActionExample,
    RetryPolicy,
    action,
)
from backstage_py.plugin.cancellation import CancelSignal
from backstage_py.plugin.context import ActionContext, ActionLogger, StepInfo, TemplateInfo, User
from backstage_py.plugin.registry import ActionRegistry, load_actions
from backstage_py.plugin.services import BackstageClient, CatalogClient, Services, UrlReader
from backstage_py.plugin.workspace import Workspace

__all__ = [
    "Action",
    "ActionAttributes",
    "ActionContext",
    "ActionExample",
    "ActionLogger",
    "ActionRegistry",
    "BackstageClient",
    "CancelSignal",
    "CatalogClient",
    "PermanentError",
    "RetryPolicy",
    "Services",
    "StepInfo",
    "TemplateInfo",
    "TemporaryError",
    "UrlReader",
    "User",
    "Workspace",
    "action",
    "load_actions",
]
