"""The API: each module of this folder has a `router` and is found by itself.

An endpoint more is a file more, and no file changes for it.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        yield import_module(f"{__name__}.{module.name}").router
