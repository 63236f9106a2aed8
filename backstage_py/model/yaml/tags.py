"""Directives at the head of a document, and the full names of tags."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote_to_bytes

from backstage_py.model.yaml.nodes import Fault

CORE = "tag:yaml.org,2002:"
_DEFAULT_HANDLES = {"!!": CORE}
_VERSION = re.compile(r"[0-9]+\.[0-9]+")
_SHORTHAND = re.compile(r"(.*!)([^!]*)", re.DOTALL)


@dataclass(slots=True)
class Directives:
    """`%YAML` and `%TAG` lines that hold for the next document."""

    schema: Literal["core", "1.1"] = "core"
    handles: dict[str, str] = field(default_factory=lambda: dict(_DEFAULT_HANDLES))
    used: bool = False

    def add(self, line: str, at: int, warnings: list[Fault]) -> None:
        """Reads one line that starts with `%`.

        Raises:
            Fault: a known directive with wrong parts.
        """
        if self.used:
            self.schema, self.handles, self.used = "core", dict(_DEFAULT_HANDLES), False
        name, *parts = re.split(r"[ \t]+", re.split(r"[ \t]#", line, maxsplit=1)[0].strip())
        end = at + len(line)
        if name == "%TAG":
            if len(parts) != 2:  # noqa: PLR2004 -- a handle and a prefix
                raise Fault("%TAG directive should contain exactly two parts", at, end)
            self.handles[parts[0]] = parts[1]
        elif name == "%YAML":
            if len(parts) != 1:
                raise Fault("%YAML directive should contain exactly one part", at, end)
            if parts[0] in {"1.1", "1.2"}:
                self.schema = "1.1" if parts[0] == "1.1" else "core"
            else:
                fault = Fault(f"Unsupported YAML version {parts[0]}", at + 6, end)
                if not _VERSION.fullmatch(parts[0]):
                    raise fault
                warnings.append(fault)
        else:
            warnings.append(Fault(f"Unknown directive {name}", at, end))

    def after_document(self) -> "Directives":
        """What holds after a document: version 1.1 stays until the next directive, all else ends."""
        if self.schema == "1.1":
            self.used = True
            return self
        return Directives()

    def resolve(self, source: str, at: int) -> str:
        """The full name of a tag; `!` and `!local` stay as they are.

        Raises:
            Fault: the handle is not declared or the tag is malformed.
        """
        end = at + len(source)
        if source == "!":
            return source
        if source.startswith("!<"):
            name = source[2:-1]
            if name in {"!", "!!"}:
                raise Fault(f"Verbatim tags aren't resolved, so {source} is invalid.", at, end)
            if not source.endswith(">"):
                raise Fault("Verbatim tags must end with a >", at, end)
            return name
        match = _SHORTHAND.fullmatch(source)
        handle, suffix = (match[1], match[2]) if match else ("!", source[1:])
        if not suffix:
            raise Fault(f"The {source} tag has no suffix", at, end)
        prefix = self.handles.get(handle)
        if prefix is not None:
            try:
                return prefix + unquote_to_bytes(suffix).decode()
            except UnicodeDecodeError:
                raise Fault("URIError: URI malformed", at, end) from None
        if handle == "!":
            return source
        raise Fault(f"Could not resolve tag: {source}", at, end)
