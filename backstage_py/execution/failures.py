"""Errors: those of Python and of libraries as ours, and ours on their way between the two sides.

An error keeps its class if ``backstage_py.errors`` has it, else it gets that of its nearest ancestor there.
"""

from asyncio import CancelledError

from backstage_py import errors
from backstage_py.errors import BackstageError, SettingsError, TemplateLimitError, TemplateRenderError
from backstage_py.model.json import Json, JsonObject
from backstage_py.templating import engine

_MOST = 8 * 1024 * 1024  # letters; far more than is shown, so that half a secret at its end is not
"""Letters of a message that travel; what shows it cuts it once more, behind its redaction."""
_KINDS: dict[str, type[BackstageError]] = {
    name: one
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, BackstageError) and one is not SettingsError  # it is made otherwise
}
_NOT_AWAITED = "'coroutine' object"
_HINT = " (is there an 'await' missing, or a 'ctx.wait(…)' in a plain function?)"
_MESSAGE = "The process of the action failed without a word"


class CallOver(CancelledError):  # noqa: N818  # what happened; like its parent it is none to be caught by the way
    """The call is over, or cancelled: nobody answers any more."""


def as_backstage_error(error: BaseException) -> BackstageError:
    """Return an error of ours whose message names the type and text of a foreign exception."""
    if isinstance(error, CancelledError):
        return BackstageError("CancelledError: the action cancelled itself, or waited for something that was cancelled")
    if isinstance(error, engine.TemplateLimitError):
        return TemplateLimitError(str(error))
    if isinstance(error, engine.TemplateError):
        return TemplateRenderError(str(error))
    text = _text(error)
    if _NOT_AWAITED in text:
        text += _HINT
    return BackstageError(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def told(error: BackstageError) -> JsonObject:
    """Return an error as it travels: ``{kind, name, message, retryAfter, isRefusal, details}``."""
    message = error.message
    if len(message) > _MOST:
        message = f"{message[:_MOST]}… ({len(message)} letters)"
    return {
        "kind": _kind(error),
        "name": error.name,
        "message": message,
        "retryAfter": getattr(error, "retry_after", None),
        "isRefusal": error.is_refusal,
        "details": error.details,
    }


def rebuilt(shape: JsonObject) -> BackstageError:
    """Return the error that travelled; whatever is wrong with it, it is an error."""
    made = _of_kind(shape.get("kind"), str(shape.get("message") or _MESSAGE))
    made.details = shape["details"] if isinstance(shape.get("details"), dict) else {}
    if isinstance(made, errors.TemporaryError):
        made.retry_after = _seconds(shape.get("retryAfter"))
    if isinstance(shape.get("isRefusal"), bool):
        made.is_refusal = shape["isRefusal"]
    return made


def _kind(error: BackstageError) -> str:
    return next(one.__name__ for one in type(error).__mro__ if _KINDS.get(one.__name__) is one)


def _of_kind(name: Json, message: str) -> BackstageError:
    return _KINDS.get(name, BackstageError)(message) if isinstance(name, str) else BackstageError(message)


def _seconds(value: Json) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value >= 0 else None


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001  # a foreign error may fail even at that, and in any way
        return ""
