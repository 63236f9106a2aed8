"""The format of fields that all kinds share, as ``FieldFormatEntityPolicy`` of ``@backstage/catalog-model`` has it."""

import re
from collections.abc import Callable
from functools import lru_cache

from backstage_py.model import web_url
from backstage_py.model.json import Json, JsonObject

_HELP = (
    "To learn more about catalog file format, visit: https://github.com/backstage/backstage/blob/master/docs/"
    "architecture-decisions/adr002-default-catalog-file-format.md"
)
_OBJECT = "a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total"
_PREFIXED = "a valid prefix and/or suffix"
_LABEL = "a string that is sequences of [a-z0-9] separated by [-], at most 63 characters in total"
_TAG = "a string that is sequences of [a-z0-9+#] separated by [-], at most 63 characters in total"
_KIND = "a string that is a sequence of [a-zA-Z][a-z0-9A-Z], at most 63 characters in total"

_match_name = re.compile(r"(?=.{1,63}\Z)([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII | re.DOTALL).fullmatch
_match_dns_label = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(?:-+[a-z0-9]+)*", re.ASCII | re.DOTALL).fullmatch
_match_tag = re.compile(r"(?=.{1,63}\Z)[a-z0-9:+#]+(-[a-z0-9:+#]+)*", re.ASCII | re.DOTALL).fullmatch
_match_kind = re.compile(r"[a-zA-Z][a-z0-9A-Z]{0,62}", re.ASCII).fullmatch
_match_version = re.compile(r"[a-z0-9A-Z]{1,63}", re.ASCII).fullmatch
_LONGEST_SUBDOMAIN = 253


class FormatError(ValueError):
    """A field does not have its format."""


def check(entity: JsonObject) -> None:
    """Check an entity that already has the shape of its schema.

    Raises:
        FormatError: the words are Backstage's; clients show them.
    """
    metadata = entity["metadata"]
    _require("apiVersion", entity["apiVersion"], is_api_version, _PREFIXED)
    _require("kind", entity["kind"], _match_kind, _KIND)
    _require("metadata.name", metadata["name"], _match_name, _OBJECT)
    if "namespace" in metadata:
        _require("metadata.namespace", metadata["namespace"], _match_dns_label, _LABEL)
    for key, value in (metadata.get("labels") or {}).items():
        _require(f"labels.{key}", key, is_prefixed_name, _PREFIXED)
        _require(f"labels.{key}", value, lambda text: text == "" or _match_name(text), _OBJECT)
    for key, value in (metadata.get("annotations") or {}).items():
        _require(f"annotations.{key}", key, is_prefixed_name, _PREFIXED)
        _require(f"annotations.{key}", value, lambda _text: True, "a string")
    for index, tag in enumerate(metadata.get("tags") or ()):
        _require(f"tags.{index}", tag, _match_tag, _TAG)
    for index, link in enumerate(metadata.get("links") or ()):
        _require(f"links.{index}.url", link.get("url"), is_url, "a string that is a valid url")
        for name in ("title", "icon"):
            if name in link:
                _require(f"links.{index}.{name}", link[name], str.strip, "a non empty string")


@lru_cache(maxsize=256)
def is_api_version(text: str) -> bool:
    """Say whether a text is ``<suffix>`` or ``<dns subdomain>/<suffix>``."""
    return _is_prefixed(text, _match_version)


@lru_cache(maxsize=4096)
def is_prefixed_name(text: str) -> bool:
    """Say whether a text is ``<name>`` or ``<dns subdomain>/<name>``, as keys of labels and annotations are."""
    return _is_prefixed(text, _match_name)


def is_url(text: Json) -> bool:
    """Say whether a value is a text for which ``new URL(text)`` of JavaScript would succeed."""
    return isinstance(text, str) and web_url.is_url(text)


def _is_prefixed(text: str, is_suffix: Callable[[str], object]) -> bool:
    parts = text.split("/")
    if len(parts) == 1:
        return bool(is_suffix(text))
    if len(parts) != 2:  # noqa: PLR2004
        return False
    prefix, suffix = parts
    return (
        0 < len(prefix) <= _LONGEST_SUBDOMAIN
        and all(_match_dns_label(label) for label in prefix.split("."))
        and bool(is_suffix(suffix))
    )


def _require(field: str, value: Json, is_valid: Callable[[str], object], expected: str) -> None:
    if value is None:
        raise FormatError(f"{field} must have a value")
    if not isinstance(value, str) or not is_valid(value):
        raise FormatError(f'"{field}" is not valid; expected {expected} but found "{value}". {_HELP}')
