"""What a text holds: templates, other entities of the catalog, or neither.

What is nearly one counts, too: ``kind: Templat`` or ``apiversion:`` would otherwise pass without a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backstage_py.lint.nearest import misspelled, same_ignoring_style
from backstage_py.model import entity_schema
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.yaml import Document

TEMPLATE_VERSION = "scaffolder.backstage.io/v1beta3"
_FAMILY = "scaffolder.backstage.io/"
_CATALOG_VERSION = re.compile(r"^apiVersion:\s*['\"]?backstage\.io/", re.MULTILINE)
_TEMPLATE = re.compile(r"^kind:\s*['\"]?Template\b", re.MULTILINE)
_CORE = ("backstage.io/v1alpha1", "backstage.io/v1beta1")
_OTHER_END = re.compile(r"\.(?:com|dev|org|net)\Z")
GROUPS = ("backstage.io", "scaffolder.backstage.io")
_FLOW = re.compile(r"(?:\s|#.*|---)*\{")
_VERSION_LINE = re.compile(r"^['\"]?\w+['\"]?\s*:\s*['\"]?[\w.-]*backstage\.io/", re.MULTILINE)
_ACTION_LINE = re.compile(
    r"^[ \t]+(?:- )?action:[ \t]*['\"]?[a-zA-Z][\w-]*(?::[\w-]+)+['\"]?[ \t]*(?:#.*)?\r?$", re.MULTILINE
)
_TO_FILL_IN = re.compile(
    r"^[ \t]*(?:- )?(?:name|namespace|title|owner|system|type|lifecycle):[ \t]*['\"]?"
    r"(?:__\w+__|@@?\w+@@?|%%?\w+%%?|<[\w -]+>|\[\[|\{\{|\$\w|\$\{\w)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Entity:
    """A document that is meant to be an entity.

    Attributes:
        kinds: those that processors of one's own know.
        folder: where its file lies, to see whether the files that it names are there; None if that is not known.
        beside: kind, namespace and name of all entities of its file, in small letters.
        is_again: one of them stands before it in the file.
    """

    document: Document
    value: JsonObject
    kinds: frozenset[str] = frozenset()
    folder: Path | None = None
    beside: frozenset[tuple[str, str, str]] = frozenset()
    is_again: bool = False

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
    def resembles_template(self) -> bool:
        """Whether it has steps as a template has, whatever its kind and version say."""
        return _has_steps(self.value)

    @property
    def is_built_in(self) -> bool:
        """Whether Backstage itself has a schema for its kind."""
        return self.kind in entity_schema.KINDS and (self.api_version in _CORE or self.api_version.startswith(_FAMILY))


def is_ours(text: str) -> bool:
    """Say quickly whether a text can hold an entity at all."""
    if "backstage.io/" in text and (_VERSION_LINE.search(text) or _FLOW.match(text)):
        return True
    return resembles_template(text)


def resembles_template(text: str) -> bool:
    """Say quickly whether a text has steps as a template has."""
    return "steps:" in text and "action:" in text and _ACTION_LINE.search(text) is not None


def is_of_a_skeleton(text: str) -> bool:
    """Whether a text is to become a catalog file when it is rendered: nothing of it can be judged before.

    Editors and hooks name such files one by one, without the template that reads them.
    """
    return ("${{" in text or "{%" in text) and _CATALOG_VERSION.search(text) is not None and not _TEMPLATE.search(text)


def is_to_be_filled_in(text: str) -> bool:
    """Whether a text has places where ``sed`` or another tool puts values: ``name: __NAME__`` or ``%NAME%``."""
    return _TO_FILL_IN.search(text) is not None and not _TEMPLATE.search(text)


def is_of_another_language(text: str) -> bool:
    """Whether a text is a template of Helm or Jinja, which is no YAML before it is rendered."""
    return "{%" in text or re.search(r"(?<!\$)\{\{", text) is not None


def entities(
    documents: list[Document],
    *,
    all_of_them: bool,
    kinds: frozenset[str] = frozenset(),
    folder: Path | None = None,
) -> Iterator[Entity]:
    """Yield the entities among the documents.

    Args:
        documents: of one text.
        all_of_them: take every document with a kind for an entity, because the file is known to hold entities;
            otherwise only those whose apiVersion is, or nearly is, Backstage's, and what has a template's steps.
        kinds: that processors of one's own know.
        folder: where the text's file lies.
    """
    named = [_identity(document.value) for document in documents]
    beside = frozenset(one for one in named if one is not None)
    before: set[tuple[str, str, str]] = set()
    is_ours = any(isinstance(document.value, dict) and _is_entity(document.value) for document in documents)
    for document, name in zip(documents, named, strict=True):
        value, is_again = document.value, name in before
        before |= {name} if name else set()
        meant = all_of_them and isinstance(value, dict) and _is_meant(value)
        if isinstance(value, dict) and (_is_entity(value) or meant or (is_ours and _lost_version(value))):
            yield Entity(document, value, kinds, folder, beside, is_again)


def _identity(value: Json) -> tuple[str, str, str] | None:
    """Kind, namespace and name, in small letters; None if one is no text."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict):
        return None
    match value.get("kind"), metadata.get("namespace") or "default", metadata.get("name"):
        case str(kind), str(namespace), str(name):
            return kind.lower(), namespace.lower(), name.lower()
        case _:
            return None


def _is_entity(value: JsonObject) -> bool:
    version = value.get("apiVersion", next((value[key] for key in value if _is_version_key(key)), None))
    return (isinstance(version, str) and "backstage.io/" in version) or (_has_steps(value) and "kind" in value)


def _lost_version(value: JsonObject) -> bool:
    """Whether it has all of an entity of Backstage's but a version that is a text."""
    version, metadata = value.get("apiVersion"), value.get("metadata")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
    return not isinstance(version, str) and named and value.get("kind") in entity_schema.KINDS and "spec" in value


def _is_version_key(key: str) -> bool:
    return same_ignoring_style(str(key), "apiVersion") or misspelled(str(key), ("apiVersion",)) is not None


def _is_meant(value: JsonObject) -> bool:
    version = value.get("apiVersion")
    if not isinstance(version, str):
        return "kind" in value
    return group_meant(version) is not None


def group_meant(version: str) -> str | None:
    """Return the group of Backstage's of which that of an apiVersion is a misspelling, or has another end."""
    group = version.partition("/")[0]
    ended = next((one for one in GROUPS if _OTHER_END.sub("", group) == one.removesuffix(".io") != group), None)
    return misspelled(group, GROUPS) or ended or ("backstage.io" if group == "backstage" else None)


def _has_steps(value: Json) -> bool:
    spec = value.get("spec") if isinstance(value, dict) else None
    steps = spec.get("steps") if isinstance(spec, dict) else None
    return isinstance(steps, list) and any(
        isinstance(step, dict) and isinstance(step.get("action"), str) and ":" in step["action"] for step in steps
    )
