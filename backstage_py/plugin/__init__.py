"""What an author of plugins imports, and the only thing: ``from backstage_py.plugin import action, ActionContext``.

Here live the decorators and descriptions (they return values and register nothing), the context that an action
gets, the protocols of the services it may ask for, and the registry that collects what entry points and the folder of
plain files name. ``plugin.formats`` has Backstage's formats, ``plugin.catalog`` what catalog plugins need. The built-in
actions come through the same door. ``docs/sdk.md`` lists the public names and what is promised about them. How a step
is run, stored or streamed does not belong here; how an action is tested is ``backstage_py.testing``.
"""

from backstage_py.errors import (
    AuthenticationError,
    BackstageError,
    ConflictError,
    ForeignError,
    InputError,
    NotAllowedError,
    NotFoundError,
    NotImplementedInBackendError,
    PermanentError,
    ServiceUnavailableError,
    TemporaryError,
)
from backstage_py.model.http import BackstageResponse, UrlContent
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration
from backstage_py.plugin.action import (
    Action,
    ActionAttributes,
    ActionExample,
    RetryPolicy,
    action,
)
from backstage_py.plugin.cancellation import CancelSignal
from backstage_py.plugin.clock import Clock, SystemClock
from backstage_py.plugin.context import ActionContext, ActionLogger, StepInfo, TemplateInfo, User
from backstage_py.plugin.folder import ActionFolder
from backstage_py.plugin.http import BackstageHttp, HttpAnswer
from backstage_py.plugin.loading import Plugins, load_plugins
from backstage_py.plugin.registry import ActionRegistry, load_actions
from backstage_py.plugin.services import (
    BackstageClient,
    CatalogClient,
    RemoteActions,
    ScmIntegrations,
    Services,
    UrlReader,
)
from backstage_py.plugin.templating import (
    TemplateExample,
    TemplateFilter,
    TemplateFunction,
    TemplateValue,
    template_filter,
    template_function,
    template_value,
)
from backstage_py.plugin.workspace import Workspace

__all__ = [
    "Action",
    "ActionAttributes",
    "ActionContext",
    "ActionExample",
    "ActionFolder",
    "ActionLogger",
    "ActionRegistry",
    "AuthenticationError",
    "BackstageClient",
    "BackstageError",
    "BackstageHttp",
    "BackstageResponse",
    "CancelSignal",
    "CatalogClient",
    "Clock",
    "ConflictError",
    "ForeignError",
    "HttpAnswer",
    "InputError",
    "Json",
    "JsonObject",
    "NotAllowedError",
    "NotFoundError",
    "NotImplementedInBackendError",
    "PermanentError",
    "Plugins",
    "RemoteActions",
    "RetryPolicy",
    "ScmIntegration",
    "ScmIntegrations",
    "ServiceUnavailableError",
    "Services",
    "StepInfo",
    "SystemClock",
    "TemplateExample",
    "TemplateFilter",
    "TemplateFunction",
    "TemplateInfo",
    "TemplateValue",
    "TemporaryError",
    "UrlContent",
    "UrlReader",
    "User",
    "Workspace",
    "action",
    "load_actions",
    "load_plugins",
    "template_filter",
    "template_function",
    "template_value",
]
