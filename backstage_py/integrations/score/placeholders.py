"""``${metadata.name}`` and ``${resources.db.host}`` in the texts of a workload; ``$${`` stands for ``${``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.integrations.score.resources import Resource, Secret
from backstage_py.model.json import Json

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_PART = re.compile(r"(?:[^.\\]|\\.)+")

Part = str | Secret


@dataclass(frozen=True, slots=True)
class Names:
    """What placeholders may name: the workload's metadata and its resources."""

    metadata: Mapping[str, Json]
    resources: Mapping[str, Resource]

    def parts(self, text: str) -> Sequence[Part]:
        """Return a text as pieces of text, and the secrets between them.

        Raises:
            InputError: a placeholder names nothing.
        """
        found: list[Part] = []
        end = 0
        for one in _PLACEHOLDER.finditer(text):
            found.append(text[end : one.start()])
            found.append("${" if one[1] is None else self._value(one[1].strip()))
            end = one.end()
        found.append(text[end:])
        return _joined(found)

    def plain(self, text: str) -> str:
        """Return a text whose placeholders are no secrets.

        Raises:
            InputError: one is, or names nothing.
        """
        parts = self.parts(text)
        if secret := next((one for one in parts if isinstance(one, Secret)), None):
            raise InputError(
                f"takes no secret, and '{text}' would write the key '{secret.key}' of the Secret '{secret.name}' into "
                "a manifest; hand it over in a variable, or as a file of its own"
            )
        return "".join(str(one) for one in parts)

    def _value(self, name: str) -> Part:
        words = [re.sub(r"\\(.)", r"\1", one) for one in _PART.findall(name)]
        if len(words) > 1 and words[0] == "metadata":
            return self._of_metadata(name, words[1:])
        if len(words) > 1 and words[0] == "resources":
            return self._of_resource(name, words[1], words[2:])
        raise InputError(f"'${{{name}}}' names nothing; there are 'metadata' and 'resources', and $${{ for a plain ${{")

    def _of_metadata(self, name: str, words: Sequence[str]) -> str:
        value: Json = self.metadata
        for word in words:
            value = value.get(word) if isinstance(value, Mapping) else None
        if not isinstance(value, str | int | float | bool):
            raise InputError(f"'${{{name}}}' names no text of the workload's metadata")
        return str(value)

    def _of_resource(self, name: str, resource: str, words: Sequence[str]) -> Part:
        known = self.resources.get(resource)
        if known is None:
            listed = ", ".join(self.resources) or "none"
            raise InputError(f"'${{{name}}}' names no resource of the workload; it has: {listed}")
        if not words:
            return known.name
        output = known.outputs.get(".".join(words))
        if output is None:
            listed = ", ".join(known.outputs) or "none"
            raise InputError(f"'${{{name}}}' names no output of a resource of type {known.type}; it has: {listed}")
        return output


def _joined(parts: Sequence[Part]) -> Sequence[Part]:
    """Return the parts with neighbouring texts as one, without empty ones."""
    found: list[Part] = []
    for one in parts:
        last = found[-1] if found else None
        if isinstance(one, str) and isinstance(last, str):
            found[-1] = last + one
        elif one:
            found.append(one)
    return found
