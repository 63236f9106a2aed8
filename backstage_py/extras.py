"""The extras of this package: which of them are installed, and the one sentence for what needs one that is not.

The base install is what template authors need. ``pyproject.toml`` says what an extra brings; here stands by which
modules its presence is known. Only their finders are asked: nothing is imported.

Foreign packages have extras, too, that they import wherever they find them: ``without`` hides from them what they would
only use for looks that nobody sees.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from backstage_py.errors import NotImplementedInBackendError

_MODULES: Mapping[str, tuple[str, ...]] = {
    "gitlab": ("gitlab",),
    "kubernetes": ("kubernetes",),
    "ldap": ("ldap3",),
    "mcp": ("mcp", "mcp_types"),
    "policy": ("regopy",),
    "redis": ("redis",),
    "s3": ("boto3",),
    "serve": ("alembic", "httptools", "isal", "sqlalchemy", "starlette", "uvicorn"),
    "signing": ("cryptography", "pysequoia"),
    "slack": ("slack_sdk",),
    "telemetry": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
    "vault": ("hvac",),
}


class MissingExtraError(NotImplementedInBackendError):
    """Something that was asked for is in an extra that is not installed."""


def is_installed(extra: str) -> bool:
    """Whether all of an extra can be imported."""
    return all(_is_there(module) for module in _MODULES[extra])


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it would be within is not there
        return False


def missing(what: str, extra: str | None) -> str | None:
    """Return the sentence that says how to install what ``what`` needs; None when it is there, or nothing is needed."""
    if extra is None or is_installed(extra):
        return None
    return f"{what} {needs(extra)}"


def needs(extra: str) -> str:
    """Return the sentence without its subject."""
    return f"needs the extra {extra}: pip install 'backstage-py[{extra}]'"


def require(what: str, extra: str | None) -> None:
    """Raise MissingExtraError, with the sentence of ``missing``, unless an extra is installed."""
    if sentence := missing(what, extra):
        raise MissingExtraError(sentence)


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Let what is imported within the block find these modules missing, unless they are imported already."""
    hidden = [name for name in modules if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own word for it
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
