"""Exceptions of Python and of libraries as errors whose message a task can show."""

from asyncio import CancelledError

from backstage_py.errors import BackstageError, TemplateLimitError, TemplateRenderError
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.templating import engine

_MOST = 10_000  # letters; a message is stored and sent to whoever follows the task
_NOT_AWAITED = "'coroutine' object"
_HINT = " (is there an 'await' missing, or a 'ctx.wait(…)' in a plain function?)"


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


def as_shown(error: BackstageError, redactor: Redactor) -> BackstageError:
    """Return an error of the same kind whose texts are redacted, then cut; what caused it is not known of it.

    A text is cut last: behind a cut within a secret nobody would find its beginning.
    """
    text = redactor.text(error.message)
    shown = error.reworded(text if len(text) <= _MOST else f"{text[:_MOST]}… ({len(text)} letters)")
    shown.details = redactor.value(error.details)
    return shown


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001  # a foreign error may fail even at that, and in any way
        return ""
