"""The pages of a form that are shown for certain values, by their ``when``, and the values that stay.

The rules are those of ``resolveParameterSteps`` in scaffolder-common 2.4.0, compared in ``tests/model/pages``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from backstage_py.js.convert import truthy
from backstage_py.js.text import trim
from backstage_py.model import page_fields
from backstage_py.model.json import Json, JsonObject

if TYPE_CHECKING:
    from backstage_py.templating.engine import Renderer

_OPENING = "${{"


@dataclass(frozen=True, slots=True)
class ShownPages:
    """Which pages are shown, in their order, and the values without what only hidden ones ask for."""

    visible: Sequence[bool]
    values: JsonObject


def condition_of(page: Json) -> str | bool | None:
    """Return a page's ``when``; anything but a text or a boolean is none, as in Backstage."""
    found = page.get("when") if isinstance(page, dict) else None
    return found if isinstance(found, str | bool) else None


def expression_of(condition: str) -> str:
    """Return a condition as a template; one without delimiters is an expression."""
    text = trim(condition)
    return text if not text or text.startswith(_OPENING) else f"{_OPENING} {text} }}}}"


def shown(pages: Sequence[JsonObject], values: JsonObject) -> ShownPages:
    """Decide page after page: each condition sees the values without those of hidden pages before it.

    Raises:
        Exceeded: the budget in force is used up.
    """
    if all(condition_of(page) in (None, True) for page in pages):
        return ShownPages([True] * len(pages), values)
    visible: list[bool] = []
    hidden_fields, shown_fields = page_fields.NOTHING, page_fields.NOTHING
    left: JsonObject = values
    for page in pages:
        condition = condition_of(page)
        is_visible = condition is None or _holds(condition, left)
        visible.append(is_visible)
        fields = page_fields.fields_of(page, values, is_visible=is_visible)
        if is_visible:
            shown_fields |= fields
        else:
            hidden_fields |= fields
        if not all(visible):
            left = page_fields.kept(values, hidden_fields, shown_fields)
    return ShownPages(visible, left)


def _holds(condition: str | bool, values: JsonObject) -> bool:  # noqa: FBT001  # as it is written
    """Say whether a condition holds. An empty one does, and one that fails: the page is shown then."""
    if isinstance(condition, bool):
        return condition
    from backstage_py.templating.engine import TemplateError

    template = expression_of(condition)
    if not template:
        return True
    try:
        result: Json = _renderer().render_value(template, {"parameters": values})
    except TemplateError:
        return True
    return bool(result) if isinstance(result, list) else truthy(result)


@cache
def _renderer() -> "Renderer":
    """The language alone: Backstage's form gives conditions neither its filters nor regular expressions."""
    from backstage_py.templating.engine import Renderer

    return Renderer(allow_regexes=False)
