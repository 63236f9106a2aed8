"""What a text holds: templates, other entities of the catalog, or neither."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backstage_py.model import entity_schema
from backstage_py.model.json import JsonObject
from backstage_py.model.yaml import Document

TEMPLATE_VERSION = "scaffolder.backstage.io/v1beta3"
_FAMILY = "scaffolder.backstage.io/"
_CATALOG_VERSION = re.compile(r"^apiVersion:\s*['\"]?backstage\.io/", re.MULTILINE)
_TEMPLATE = re.compile(r"^kind:\s*['\"]?Template\b", re.MULTILINE)
_CORE = ("backstage.io/v1alpha1", "backstage.io/v1beta1")


@dataclass(frozen=True, slots=True)
class Entity:
    """A document that is meant to be an entity."""

    document: Document
    value: JsonObject

    @property
    def kind(self) -> str:
        """Its kind as written, empty if it is no text."""
        found = self.value.get("kind")
        return found if isinstance(found, str) else ""

    @property
    def api_version(self) -> str:
        """Its apiVersion as written, empty if it is no text."""
        found = self.value.get("apiVersion")
        return found if isinstance(found, str) else ""

    @property
    def is_template(self) -> bool:
        """Whether it is a template of the version that the scaffolder runs."""
        return self.kind == "Template" and self.api_version == TEMPLATE_VERSION

    @property
    def is_built_in(self) -> bool:
        """Whether Backstage itself has a schema for its kind."""
        return self.kind in entity_schema.KINDS and (self.api_version in _CORE or self.api_version.startswith(_FAMILY))


def is_ours(text: str) -> bool:
    """Say quickly whether a text can hold an entity at all."""
    return "backstage.io/" in text and "apiVersion" in text


def is_of_a_skeleton(text: str) -> bool:
    """Whether a text is to become a catalog file when it is rendered: nothing of it can be judged before.

    Editors and hooks name such files one by one, without the template that reads them.
    """
    return ("${{" in text or "{%" in text) and _CATALOG_VERSION.search(text) is not None and not _TEMPLATE.search(text)


def entities(documents: list[Document], *, all_of_them: bool) -> Iterator[Entity]:
    """Yield the entities among the documents.

    Args:
        documents: of one text.
        all_of_them: take every document with a kind for an entity, because the file is known to hold entities;
            otherwise only those whose apiVersion is Backstage's.
    """
    for document in documents:
        value = document.value
        if not isinstance(value, dict):
            continue
        version = value.get("apiVersion")
        ours = isinstance(version, str) and "backstage.io/" in version
        if ours or (all_of_them and "kind" in value and version is None):
            yield Entity(document, value)
