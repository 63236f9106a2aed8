"""What operators see of processing: how long it takes, and which sources fail."""

import time
from urllib.parse import urlsplit

from backstage_py.catalog.pipeline.results import PipelineResult
from backstage_py.metrics.catalog import PROCESSORS, SOURCE_READS, SOURCE_SUCCESS
from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject


def count(entity: JsonObject, result: PipelineResult, seconds: float) -> None:
    """Count the processing of an entity that depends on something outside."""
    PROCESSORS.observe(seconds, "ok" if result.is_ok else "failed")
    source = source_of(entity)
    SOURCE_READS.inc(source, "ok" if result.is_ok else "errors")
    if result.is_ok:
        SOURCE_SUCCESS.set(time.time(), source)


def source_of(entity: JsonObject) -> str:
    """Return where an entity is read from, as ``type:host``, or ``type`` alone; there are as many as hosts."""
    spec = entity.get("spec")
    spec = spec if isinstance(spec, dict) and entity.get("kind") == "Location" else {}
    kind, _, target = (entities.annotation(entity, entities.MANAGED_BY) or "").partition(":")
    targets = spec.get("targets")
    named = spec.get("target") or (targets[0] if isinstance(targets, list) and targets else None)
    if isinstance(named, str) and "://" in named:
        target = named
    if isinstance(spec.get("type"), str):
        kind = spec["type"]
    try:
        host = urlsplit(target).hostname if "://" in target else None
    except ValueError:
        host = None
    return f"{kind}:{host}" if host else kind
