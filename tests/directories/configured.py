"""A section of the configuration as the service reads it."""

from typing import Any, TypeVar

from backstage_py.settings.description import read
from backstage_py.settings.files import Layer
from backstage_py.settings.merged import Merged
from backstage_py.settings.reading import Reader

T = TypeVar("T")


def section(cls: type[T], values: Any) -> T:
    """Read it; a schedule that nobody waits for stands in where there is none."""
    schedule = {"frequency": {"trigger": "manual"}, "timeout": "1m"}
    return read(cls, Reader(Merged([Layer({"schedule": schedule, **values}, "app-config.yaml")])))
