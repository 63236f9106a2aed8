"""The template engine; beside it, other packages import only ``tree``.

::

    renderer = backstage_renderer(integration_type)
    context = renderer.prepare({"parameters": {"name": "web"}})
    renderer.render("Hello ${{ parameters.name }}", context)        # "Hello web"
    renderer.render_value("${{ parameters }}", context)             # {"name": "web"}
"""

from collections.abc import Callable, Mapping

from backstage_py.js.values import (
    UNDEFINED,
    JsMap,
    Json,
    JsSet,
    Undefined,
)
from backstage_py.templating.backstage import (
    DESCRIPTIONS,
    FilterDescription,
    IntegrationType,
    default_integrations,
    filters_for,
)
from backstage_py.templating.context import PreparedContext
from backstage_py.templating.errors import TemplateError, TemplateLimitError, TemplateRuntimeError, TemplateSyntaxError
from backstage_py.templating.filters.table import FILTERS
from backstage_py.templating.limits import Limits
from backstage_py.templating.renderer import Coercion, Context, Filter, Global, Renderer, Template
from backstage_py.templating.repo_url import parse as parse_repo_url
from backstage_py.templating.tests import TESTS

__all__ = [
    "BUILTIN_FILTERS",
    "BUILTIN_TESTS",
    "DESCRIPTIONS",
    "UNDEFINED",
    "Coercion",
    "Filter",
    "FilterDescription",
    "Global",
    "IntegrationType",
    "JsMap",
    "JsSet",
    "Json",
    "Limits",
    "PreparedContext",
    "Renderer",
    "Template",
    "TemplateError",
    "TemplateLimitError",
    "TemplateRuntimeError",
    "TemplateSyntaxError",
    "Undefined",
    "backstage_renderer",
    "default_integrations",
    "parse_repo_url",
    "render_template_value",
]

BUILTIN_FILTERS = frozenset(FILTERS)
BUILTIN_TESTS = frozenset(TESTS)

OnError = Callable[[TemplateError, tuple[str | int, ...]], None]
"""Told about a text that stays raw: the error, and the keys that lead to the text."""


def render_template_value(
    renderer: Renderer,
    value: Json,
    context: Context,
    *,
    on_error: OnError | None = None,
) -> Json | Undefined:
    """Renders every text inside a step's input, as Backstage's task runner does.

    Keys stay as they are. A text that is one tag has the type of its output read as JSON. A text whose template fails
    stays as it is, and ``on_error`` is told; what gives undefined disappears from records and is None in arrays.

    Returns:
        The rendered value; UNDEFINED if the value is one text that gives undefined.
    """

    def render(part: Json, path: tuple[str | int, ...]) -> Json | Undefined:
        if isinstance(part, str):
            try:
                return renderer.render_value(part, context, coercion="json")
            except TemplateError as error:
                if on_error is not None:
                    on_error(error, path)
                return part
        if isinstance(part, Mapping):
            rendered = ((key, render(item, (*path, key))) for key, item in part.items())
            return {key: item for key, item in rendered if item is not UNDEFINED}
        if isinstance(part, list | tuple):
            items = (render(item, (*path, index)) for index, item in enumerate(part))
            return [None if item is UNDEFINED else item for item in items]
        return part

    return render(value, ())


def backstage_renderer(
    integrations: IntegrationType = default_integrations,
    extra_filters: Mapping[str, Filter] | None = None,
    extra_globals: Mapping[str, Global] | None = None,
    *,
    cookiecutter_compat: bool = False,
    trim_blocks: bool = False,
    lstrip_blocks: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Renderer:
    """A renderer with Backstage's filters.

    Args:
        integrations: gives the type of the integration for a host ("github", "gitlab", ...), or None.
        extra_filters: filters of plugins; they win over Backstage's.
        extra_globals: globals of plugins, and ``always`` and ``failure`` while a task runs.
        cookiecutter_compat: see ``Renderer``.
        trim_blocks: see ``Renderer``.
        lstrip_blocks: see ``Renderer``.
        limits: see ``Renderer``.
    """
    return Renderer(
        filters={**filters_for(integrations), **(extra_filters or {})},
        globals=extra_globals,
        cookiecutter_compat=cookiecutter_compat,
        trim_blocks=trim_blocks,
        lstrip_blocks=lstrip_blocks,
        limits=limits,
    )
