"""structlog for the service: one JSON object per line, or readable lines on a terminal; no line shows a secret.

What is secret is known where the work is done: a run, a request, the configuration. Each hides it (``hide``,
``hiding``) from all that is logged within, libraries and the messages of exceptions included.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

import orjson
import structlog

from backstage_py.tracing import spans

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}

_EXCEPTIONS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # locals hold tokens and secrets
)


Mask = Callable[[str], str]
"""Returns a line without the secrets that it knows."""

_masks: ContextVar[tuple[Mask, ...]] = ContextVar("masks", default=())
_lasting: list[Mask] = []
_TOKENS = re.compile(
    r"""eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?          # a JSON Web Token
    |gh[oprsu]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|hv[bs]\.[\w-]{16,}|AKIA[A-Z0-9]{16}
    |(?:(?<=://)|(?<=%2F%2F)|(?<=%2f%2f))[^\s/@:"'<>]+:[^\s/@"'<>]+(?=@)          # user and password of a URL""",
    re.VERBOSE,
)


_MARKS = (
    *("eyJ", "ghp_", "gho_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "xox", "hvs.", "hvb.", "AKIA"),
    *("://", "%2F%2F", "%2f%2f"),
)
"""Each token has one of them; to look for these first costs a tenth for the many lines that have none."""


def hide(mask: Mask) -> None:
    """Put all lines through a mask that are logged in this context from here on: a task's or a request's."""
    if mask not in (masks := _masks.get()):
        _masks.set((*masks, mask))


@contextmanager
def own_context() -> Iterator[None]:
    """End what is hidden within the block with it."""
    before = _masks.set(_masks.get())
    try:
        yield
    finally:
        _masks.reset(before)


@contextmanager
def hiding(mask: Mask) -> Iterator[None]:
    """Put all lines of this process through a mask until the block is left."""
    _lasting.append(mask)
    try:
        yield
    finally:
        _lasting.remove(mask)


def configure(level: str = "info", stream: TextIO | None = None, *, lasting: bool = False) -> None:
    """Set up logging of this process, also for libraries that use the standard library's.

    Args:
        level: ``debug``, ``info``, ``warn`` or ``error``.
        stream: where lines go, standard error by default.
        lasting: nothing will configure it again, so that loggers may keep what they were bound to.
    """
    out = stream or sys.stderr
    readable = out.isatty()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if readable
        else [_EXCEPTIONS, structlog.processors.JSONRenderer(_dumps)]
    )
    last.append(_masked)
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=_Logger,
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=lasting,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], force=True)
    set_level(level)


def set_level(level: str) -> None:
    """Log from ``level`` on, in all of this process, whatever loggers were made before."""
    chosen = structlog.make_filtering_bound_logger(_LEVELS[level])
    for name, method in vars(chosen).items():
        if not name.startswith("__"):
            setattr(_Logger, name, method)
    logging.getLogger().setLevel(max(_LEVELS[level], logging.WARNING))


class _Logger(structlog.make_filtering_bound_logger(logging.INFO)):  # type: ignore[misc]  # a class made at run time
    """The class of all our loggers; loggers are kept, so that ``set_level`` changes it instead of them."""


def _with_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if found := spans.ids():
        event["trace_id"], event["span_id"] = found
    return event


def _dumps(event: MutableMapping[str, Any], **_: object) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # half a surrogate pair, or nested too deeply: the line is written nevertheless
        return json.dumps({key: repr(value) for key, value in event.items()})


def _masked(_logger: object, _method: str, line: Any) -> str:
    """Return a rendered line without secrets: those that somebody hides, and what looks like a token wherever it is."""
    return masked(str(line))


def masked(text: str) -> str:
    """Return a text without what is secret here, as lines of the log are shown."""
    shown = text
    for mask in (*_lasting, *_masks.get()):
        shown = mask(shown)
    return without_tokens(shown)


def without_tokens(text: str) -> str:
    """Return a text without what looks like a token or like a password of a URL."""
    return _TOKENS.sub("***", text) if any(mark in text for mark in _MARKS) else text
