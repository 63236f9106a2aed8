"""Entity references: ``[kind:][namespace/]name``, without case where they are compared."""

from dataclasses import dataclass
from functools import lru_cache

from backstage_py.errors import InputError
from backstage_py.model import json

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class EntityRef:
    """A complete reference, in the case in which it was written."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Return the form in which Backstage stores and compares: complete and lower case (``en-US``)."""
        return f"{self.kind}:{self.namespace}/{self.name}".lower()


@lru_cache(maxsize=65_536)
def parse(text: str, *, default_kind: str | None = None, default_namespace: str | None = None) -> EntityRef:
    """Parse a reference; parts that are not written come from the defaults.

    The kind ends at the first colon unless a slash stands before it, the namespace at the first slash; whatever
    follows is the name, as in ``@backstage/catalog-model``, whose wording the errors have since clients show it.

    Raises:
        InputError: the text is no reference, or has no kind and there is no default.
    """
    if not text:
        raise InputError("Entity reference must not be empty")
    head, slash, tail = text.partition("/")
    before, colon, after = (head if slash else text).partition(":")
    kind = before if colon else None
    rest = after if colon else before
    namespace, name = (rest, tail) if slash else (None, rest)
    if "" in (kind, namespace, name):
        raise InputError(f'Entity reference "{text}" was not on the form [<kind>:][<namespace>/]<name>')
    kind = kind or default_kind
    if not kind:
        hint = '(e.g. did not start with "component:" or similar)'
        raise InputError(f"Entity reference {json.text(text)} had missing or empty kind {hint}")
    return EntityRef(kind, namespace or default_namespace or DEFAULT_NAMESPACE, name)


def of(entity: dict[str, object]) -> str:
    """Return the reference of an entity, complete and lower case.

    Raises:
        KeyError: the entity has no kind, metadata or name; callers check entities first.
    """
    metadata = entity["metadata"]
    if not isinstance(metadata, dict):
        raise KeyError("metadata")
    return str(
        EntityRef(str(entity["kind"]), str(metadata.get("namespace") or DEFAULT_NAMESPACE), str(metadata["name"]))
    )
