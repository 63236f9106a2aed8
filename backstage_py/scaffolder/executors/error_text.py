"""Exceptions of Python and of libraries as errors whose message a task can show."""

from asyncio import CancelledError

from backstage_py.errors import BackstageError

_MOST = 10_000  # letters; a message is stored and sent to whoever follows the task
_NOT_AWAITED = "'coroutine' object"
_HINT = " (is there an 'await' missing, or a 'ctx.wait(…)' in a plain function?)"


def as_backstage_error(error: BaseException) -> BackstageError:
    """Return an error of ours whose message names the type and text of a foreign exception."""
    if isinstance(error, CancelledError):
        return BackstageError("CancelledError: the action cancelled itself, or waited for something that was cancelled")
    text = _text(error)
    if _NOT_AWAITED in text:
        text += _HINT
    return BackstageError(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  # a foreign error may fail even at that, and in any way
        return ""
    return text if len(text) <= _MOST else f"{text[:_MOST]}… ({len(text)} letters)"
