"""A Score file: its value, held against the published schema, and where each of its members stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from backstage_py import bundled
from backstage_py.errors import InputError
from backstage_py.model import npm_jsonschema, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema import Validator
from backstage_py.model.yaml import Document

_LARGEST = 1024 * 1024
_MOST_SHOWN = 8
_SCHEMA = "score-v1b1"

Path = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Workload:
    """A valid workload; ``file`` is its name for messages."""

    file: str
    value: JsonObject
    document: Document

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str(self.value["metadata"]["name"])

    @property
    def annotations(self) -> Mapping[str, str]:
        """``metadata.annotations``."""
        found: Mapping[str, str] = self.value["metadata"].get("annotations") or {}
        return found

    @property
    def containers(self) -> Mapping[str, JsonObject]:
        """By name."""
        found: Mapping[str, JsonObject] = self.value["containers"]
        return found

    def error(self, path: Path, message: str) -> InputError:
        """Return an error about a member: ``score.yaml:12:5: containers.web: …``."""
        return InputError(_sentence(self.file, self.document, path, message))


def read(text: str, file: str) -> Workload:
    """Return the workload of a text.

    Raises:
        YamlError: it is no YAML. InputError: the schema refuses it; each place stands with its line.
    """
    if len(text) > _LARGEST:
        raise InputError(f"{file} is larger than {_LARGEST // 1024} KiB, the most that is read of a workload")
    documents = yaml.load_all(text, filename=file)
    for one in documents:
        if error := one.error():
            raise error
    if len(documents) != 1:
        raise InputError(f"{file} should hold one Score workload, and has {len(documents)} documents")
    document = documents[0]
    problems = _validator().problems(document.value)
    if problems:
        more = [f"and {len(problems) - _MOST_SHOWN} more"] if len(problems) > _MOST_SHOWN else []
        shown = [_sentence(file, document, one.path, one.message) for one in problems[:_MOST_SHOWN]]
        raise InputError("\n".join([*shown, *more]))
    value: JsonObject = document.value
    return Workload(file, value, document)


@cache
def _validator() -> Validator:
    schema: Json = bundled.schema(_SCHEMA)
    return npm_jsonschema.compile_schema(schema)


def _sentence(file: str, document: Document, path: Path, message: str) -> str:
    place = document.position(path)
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{file}:{place.line}:{place.column}: {where + ' ' if where else ''}{message}"
