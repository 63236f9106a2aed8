"""What a scrape holds, without its numbers."""

import re
from typing import Any


def families(text: str) -> dict[str, Any]:
    """Return kind, labels and bounds of each family of a scrape."""
    found: dict[str, Any] = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        lines = re.findall(rf"^{name}(?:_bucket|_count)?(?:{{(.*)}})? \S+$", text, re.MULTILINE)
        labels = {label for line in lines for label in re.findall(r'(\w+)="', line)} - {"le"}
        bounds = {float(bound) for line in lines for bound in re.findall(r'\ble="([\d.]+)"', line)}
        found[name] = {"kind": kind, "labels": sorted(labels), "bounds": sorted(bounds)}
    return found
