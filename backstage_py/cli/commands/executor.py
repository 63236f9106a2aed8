"""``backstage-py executor status``: the steps that are in the cluster, as its Jobs say."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from backstage_py.cli.formats import ResultFormat
from backstage_py.errors import SettingsError
from backstage_py.integrations.kubernetes import clusters
from backstage_py.integrations.kubernetes.connection import Connection
from backstage_py.scaffolder.executors.kubernetes import status
from backstage_py.scaffolder.executors.kubernetes.status import Line
from backstage_py.settings import load_settings

_HEAD = ("STATE", "TASK", "ATTEMPT", "STEP", "ACTION", "SINCE", "JOB")


def status_(files: Sequence[Path], format_: ResultFormat) -> int:
    """Write the Jobs of the configured instance.

    Raises:
        SettingsError: no executor of Kubernetes is configured.
    """
    settings = load_settings(files, os.environ)
    asked = settings.scaffolder.executor.kubernetes
    if asked is None:
        raise SettingsError("scaffolder.executor.kubernetes", "is missing; no step runs in a cluster")
    with closing(Connection(clusters.find(settings.raw, asked.cluster))) as connection:
        found = status.read(connection, asked)
    counts = Counter(one.state for one in found)
    if format_ is ResultFormat.JSON:
        shown = {"namespace": asked.namespace, "counts": dict(counts), "jobs": [asdict(one) for one in found]}
        sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
        return 0
    sys.stdout.write(_table(found))
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no jobs"
    sys.stdout.write(f"{asked.namespace}: {told}\n")
    return 0


def _table(found: Sequence[Line]) -> str:
    if not found:
        return ""
    rows = [(one.state, one.task, str(one.attempt), one.step, one.action, one.since, one.job) for one in found]
    widths = [max(len(row[at]) for row in (_HEAD, *rows)) for at in range(len(_HEAD))]
    lines = []
    for row, why in zip((_HEAD, *rows), ("", *(one.why for one in found)), strict=True):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if why:
            lines.append(f"    {why}")
    return "".join(f"{line}\n" for line in lines)
