"""Location references: ``type:target``, e.g. ``url:https://host/catalog-info.yaml``."""

import hashlib
import re
from dataclasses import dataclass

from backstage_py.js.convert import typeof

_SCRIPT = re.compile(r"^[\0-\x1f ]*" + r"[\r\n\t]*".join("javascript") + r"[\r\n\t]*:", re.IGNORECASE)

_GENERATED = re.compile(r"location:default/generated-[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class LocationRef:
    """How something is read (``url``, ``file``) and where it is."""

    type: str
    target: str

    def __str__(self) -> str:
        """Return ``type:target``."""
        return f"{self.type}:{self.target}"


def parse(text: object) -> LocationRef:
    """Parse a location reference.

    Raises:
        ValueError: the text is none; the words are those of ``@backstage/catalog-model``, where it is a TypeError.
    """
    if not isinstance(text, str):
        raise ValueError(f"Unable to parse location ref '{text}', unexpected argument {typeof(text)}")  # noqa: TRY004
    kind, colon, target = text.partition(":")
    kind, target = kind.strip(), target.strip()
    if not colon or not kind or not target:
        raise ValueError(
            f"Unable to parse location ref '{text}', expected '<type>:<target>', e.g. 'url:https://host/path'"
        )
    if kind in {"http", "https"}:
        raise ValueError(f"Invalid location ref '{text}', please prefix it with 'url:', e.g. 'url:{text}'")
    if is_script(target):
        raise ValueError(f"Invalid location ref '{text}', target is a javascript: URL")
    return LocationRef(kind, target)


def is_script(url: str) -> bool:
    """Say whether a browser would run this URL as a script."""
    return _SCRIPT.match(url) is not None


def is_generated(entity_ref: str) -> bool:
    """Say whether a reference is one of those that stand for locations."""
    return _GENERATED.fullmatch(entity_ref) is not None


def generated_name(type_: str, target: str) -> str:
    """Return the name of the Location entity that stands for a location: ``generated-<sha1 of type:target>``."""
    return f"generated-{hashlib.sha1(f'{type_}:{target}'.encode(), usedforsecurity=False).hexdigest()}"
