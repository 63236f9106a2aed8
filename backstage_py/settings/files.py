"""Configuration files as layers: read, substituted and included as ``@backstage/config-loader`` does it."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.errors import SettingsError
from backstage_py.model import json, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.config_path import ConfigPath, dotted

Env = Mapping[str, str]

ENV_LAYER = "the environment (APP_CONFIG_*)"
_ENV_PREFIX = "APP_CONFIG_"
_KEY_PART = re.compile(r"[a-z][a-z0-9]*(?:[-_:][a-z0-9]+)*", re.IGNORECASE)
_VARIABLE = re.compile(r"(\$?\$\{[^{}]*\})")
_INCLUDES = ("$file", "$env", "$include")
_DEEPEST = 64
_LARGEST = 10 * 1024 * 1024


class _Gone:
    """A value that refers to an unset variable: its key does not exist."""


_GONE = _Gone()


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of configuration: its values, its name for messages, and where its values stand, if it has lines.

    Attributes:
        unset: the path of each value that was left out, with the variable that it refers to.
        sources: what values were taken from, in the file's words, such as ``${PORT}`` or ``$file: tls.key``.
        files: the files that were read for it.
    """

    data: JsonObject
    name: str
    document: yaml.Document | None = None
    unset: tuple[tuple[ConfigPath, str], ...] = ()
    sources: Mapping[ConfigPath, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def line(self, path: Sequence[str | int]) -> int | None:
        """Return the line of a value, None where there are no lines."""
        return None if self.document is None else self.document.key_position(path).line

    def where(self, path: Sequence[str | int]) -> str:
        """Return the place of a value for messages: ``app-config.yaml:12``."""
        line = self.line(path)
        return self.name if line is None else f"{self.name}:{line}"


def read_file(path: Path, env: Env) -> Layer:
    """Read a configuration file.

    Raises:
        SettingsError: it does not exist, is not YAML, or refers to something that cannot be read.
    """
    document = _parse(path, path.name)
    if document is None:
        return Layer({}, str(path), files=(path,))
    transformer = _Transformer(env, str(path), document)
    data = transformer.apply(document.value, (), path.parent)
    if data is None or data is _GONE:
        data = {}
    if not isinstance(data, dict):
        raise SettingsError("(root)", "expected an object at the top of the file", file=str(path))
    return Layer(data, str(path), document, tuple(transformer.unset), transformer.sources, (path, *transformer.files))


def read_environment(env: Env) -> Layer | None:
    """Return the layer of variables such as ``APP_CONFIG_backend_baseUrl``; values are JSON, or else text.

    Raises:
        SettingsError: a name is malformed, or two variables contradict each other.
    """
    data: JsonObject = {}
    for name in sorted(env):
        if name.startswith(_ENV_PREFIX) and env[name]:
            _put(data, name.removeprefix(_ENV_PREFIX), env[name])
    return Layer(data, ENV_LAYER) if data else None


def _put(data: JsonObject, key: str, value: str) -> None:
    parts = key.split("_")
    for part in parts:
        if not _KEY_PART.fullmatch(part):
            raise SettingsError(f"{_ENV_PREFIX}{key}", f"'{part}' is no configuration key", file=ENV_LAYER)
    inner: Json = data
    for part in parts[:-1]:
        inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{_ENV_PREFIX}{key}", f"'{part}' has a plain value already", file=ENV_LAYER)
    if parts[-1] in inner:
        raise SettingsError(f"{_ENV_PREFIX}{key}", "the key is set twice", file=ENV_LAYER)
    try:
        parsed = json.parse(value)
    except ValueError:
        parsed = value
    if parsed is None:
        raise SettingsError(f"{_ENV_PREFIX}{key}", "the value must not be null", file=ENV_LAYER)
    inner[parts[-1]] = parsed


def _parse(path: Path, shown: str) -> yaml.Document | None:
    try:
        text = _text(path)
    except FileNotFoundError:
        raise SettingsError("--config", f"the file {path} does not exist") from None
    except (OSError, ValueError) as error:
        raise SettingsError("--config", f"the file {path} cannot be read: {error}") from error
    documents = yaml.load_all(text, filename=shown)
    if not documents:
        return None
    if problem := documents[0].error():
        raise SettingsError("--config", f"the file is not valid YAML: {problem}", file=str(path))
    if len(documents) > 1:
        raise SettingsError("--config", "expected one YAML document, found several", file=str(path))
    return documents[0]


def _text(path: Path) -> str:
    """Read a text that is no longer than a configuration may be: a device never ends.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too long, no UTF-8, or no path at all.
    """
    with path.open(encoding="utf-8") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError(f"it is longer than {_LARGEST // 1024**2} million characters")
    return text


class _Transformer:
    """Replaces variables and includes, level by level."""

    def __init__(self, env: Env, file: str, document: yaml.Document) -> None:
        self._env = env
        self._file = file
        self._document = document
        self.unset: list[tuple[ConfigPath, str]] = []
        self.sources: dict[ConfigPath, str] = {}
        self.files: list[Path] = []

    def apply(self, value: Json, path: ConfigPath, folder: Path, depth: int = 0) -> Json:
        if depth > _DEEPEST:
            raise self._error(path, "the includes are nested too deeply; is there a circle?")
        if isinstance(value, str):
            return self._substitute(value, path)
        if isinstance(value, dict) and (key := next((one for one in _INCLUDES if one in value), None)):
            return self._include(key, value, path, folder, depth)
        if isinstance(value, dict):
            items = {key: self.apply(item, (*path, key), folder, depth + 1) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not _GONE}
        if isinstance(value, list):
            found = [self.apply(item, (*path, index), folder, depth + 1) for index, item in enumerate(value)]
            return [item for item in found if item is not _GONE]
        return value

    def _substitute(self, text: str, path: ConfigPath) -> Json:
        if "${" not in text:
            return text
        parts: list[str] = []
        for part in _VARIABLE.split(text):
            if part.startswith("$${"):
                parts.append(part[1:])
            elif _VARIABLE.fullmatch(part):
                found = self._variable(part[2:-1])
                if found is None:
                    return self._gone(path, part[2:-1])
                parts.append(found)
                self.sources[path] = " ".join(filter(None, (self.sources.get(path), part)))
            else:
                parts.append(part)
        return "".join(parts)

    def _variable(self, expression: str) -> str | None:
        name, separator, fallback = expression.partition(":-")
        value = self._env.get(name.strip())
        value = value.strip() if value is not None else None
        return (value or fallback.strip() or None) if separator else value

    def _gone(self, path: ConfigPath, expression: str) -> _Gone:
        self.unset.append((path, expression.partition(":-")[0].strip()))
        return _GONE

    def _include(self, key: str, value: JsonObject, path: ConfigPath, folder: Path, depth: int) -> Json:
        if len(value) != 1:
            raise self._error(path, f"'{key}' must not have other keys beside it")
        if not isinstance(value[key], str):
            raise self._error(path, f"'{key}' must be text")
        target = self._substitute(value[key], path)
        if not isinstance(target, str):
            raise self._error(path, f"'{key}' refers to a variable that is not set")
        self.sources[path] = f"{key}: {target}"
        if key == "$env":
            found = self._env.get(target)
            return self._gone(path, target) if found is None else found.strip()
        if key == "$file":
            return self._read(folder / target, path).rstrip()
        return self._included(target, path, folder, depth)

    def _included(self, target: str, path: ConfigPath, folder: Path, depth: int) -> Json:
        name, _, inner = target.partition("#")
        file = Path(os.path.normpath(folder / name))
        if file.suffix not in {".json", ".yaml", ".yml"}:
            raise self._error(path, f"'$include' reads .yaml, .yml and .json, not '{name}'")
        try:
            value = yaml.load(self._read(file, path), filename=str(file))
        except yaml.YamlError as error:
            raise self._error(path, f"the included file {file} is not valid: {error}") from error
        for part in inner.split(".") if inner else ():
            if not isinstance(value, dict) or part not in value:
                raise self._error(path, f"the included file {file} has no value at '{inner}'")
            value = value[part]
        return self.apply(value, path, file.parent, depth + 1)

    def _read(self, file: Path, path: ConfigPath) -> str:
        self.files.append(file)
        if file.is_fifo():  # nobody may ever write to it
            raise self._error(path, f"the file {file} cannot be read: it is no regular file")
        try:
            return _text(file)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else reason
            raise self._error(path, f"the file {file} cannot be read: {reason}") from error

    def _error(self, path: ConfigPath, expected: str) -> SettingsError:
        line = self._document.key_position(path).line
        return SettingsError(dotted(path) or "(root)", expected, file=f"{self._file}:{line}")
