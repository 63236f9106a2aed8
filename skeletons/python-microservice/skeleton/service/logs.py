"""Logs: one JSON object a line, with the ids of the trace that it belongs to."""

import json
import logging
import sys
from functools import partial
from typing import TextIO

from opentelemetry import trace
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from service import NAME
from service.settings import Settings

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def configure(settings: Settings, stream: TextIO = sys.stdout) -> None:
    """Send all that is logged, by libraries too, to the stream."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(_with_trace)
    handler.setFormatter(
        JsonFormatter(
            "%(levelname)s %(message)s",
            rename_fields={"levelname": "level", "message": "msg", "exc_info": "stack"},
            static_fields={"service": NAME, "version": settings.version},
            timestamp="time",
            json_serializer=partial(json.dumps, separators=(",", ":")),
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # for terminals, of uvicorn
        )
    )
    logging.basicConfig(level=_LEVELS[settings.log_level], handlers=[handler], force=True)


def _with_trace(record: logging.LogRecord) -> bool:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = trace.format_trace_id(context.trace_id)
        record.span_id = trace.format_span_id(context.span_id)
    return True
