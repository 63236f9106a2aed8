"""Values and secrets as a command line gives them: files, and ``name=value`` pairs."""

import re
from collections.abc import Container, Sequence
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.lint import files
from backstage_py.model import json, yaml
from backstage_py.model.json import Json, JsonObject

_PAIR = re.compile(r"([^=]+)=(.*)", re.DOTALL)


def read(sources: Sequence[str], texts: Container[str] = ()) -> JsonObject:
    """Return values of ``--values``: YAML or JSON files, and ``name=value`` pairs; later ones win.

    A pair's value is read as YAML, so that ``flag=true`` and ``list=[a, b]`` have their types; ``a.b=1`` sets a member.

    Args:
        sources: as given.
        texts: names of values that are texts whatever they look like, such as ``1.10`` and ``it's: nice``; quotes of
            YAML around them are taken off all the same.

    Raises:
        InputError: a file cannot be read or holds no object, or a pair's value is no YAML.
    """
    values: JsonObject = {}
    for source in sources:
        pair = _PAIR.fullmatch(source)
        if pair and not Path(source).is_file():
            value = _text(pair[2]) if pair[1] in texts else _scalar(pair[1], pair[2])
            _set(values, pair[1].split("."), value)
        else:
            values |= _of_file(Path(source.removeprefix("@")))
    return values


class _All:
    """Every name."""

    def __contains__(self, _name: object) -> bool:
        return True


def read_secrets(sources: Sequence[str]) -> dict[str, str]:
    """Return secrets of ``--secrets``, which are texts: ``pin=0123`` keeps its zero.

    Raises:
        InputError: as in ``read``.
    """
    return {
        name: value if isinstance(value, str) else json.text(value) for name, value in read(sources, _All()).items()
    }


def _text(text: str) -> str:
    try:
        value = yaml.load(text) if text[:1] in ("'", '"') else text
    except yaml.YamlError:
        return text
    return value if isinstance(value, str) else text


def _scalar(name: str, text: str) -> Json:
    try:
        value = yaml.load(text)
    except yaml.YamlError as error:
        raise InputError(f"The value of '{name}' is no YAML: {error.message}; put quotes around text") from error
    return "" if value is None and text.strip() not in ("null", "~") else value


def _set(values: JsonObject, names: Sequence[str], value: Json) -> None:
    for name in names[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise InputError(f"'{name}' is already {json.text(inner)}, so it has no members")
        values = inner
    values[names[-1]] = value


def _of_file(path: Path) -> JsonObject:
    found = files.read_text(path, str(path))
    if found.unreadable:
        raise InputError(f"Cannot read {path}: {found.unreadable}; values are a file, or name=value")
    try:
        value = yaml.load(found.text, filename=str(path))
    except yaml.YamlError as error:
        raise InputError(str(error)) from error
    if value is not None and not isinstance(value, dict):
        raise InputError(f"{path}: expected an object of values by name")
    return value or {}
