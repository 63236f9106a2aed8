"""The API: each module of this folder has a `router` and is found by itself.

An endpoint more is a file more, and no file changes for it.
"""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter
from fastapi.routing import APIRoute


def routers() -> list[APIRouter]:
    """Return them, `/orders/today` before `/orders/{order_id}`: the first that fits answers."""
    names = sorted(module.name for module in iter_modules(__path__))
    return sorted((import_module(f"{__name__}.{name}").router for name in names), key=_parameters)


def _parameters(router: APIRouter) -> list[list[bool]]:
    paths = [route.path for route in router.routes if isinstance(route, APIRoute)]
    return [["{" in part for part in path.split("/")] for path in paths]
