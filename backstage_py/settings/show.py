"""The settings that are in force, each with where it comes from; secrets are masked."""

import dataclasses
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from pathlib import Path

from backstage_py.model.json import Json
from backstage_py.settings import kinds, known, secret_values
from backstage_py.settings.config_path import ConfigPath, dotted, shown_file
from backstage_py.settings.description import Key, Section
from backstage_py.settings.files import ENV_LAYER
from backstage_py.settings.merged import Merged
from backstage_py.settings.sections import AuthSettings, Settings

_DURATIONS = (kinds.DURATION, kinds.LASTING, kinds.MILLISECONDS, kinds.INTERVAL)


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting.

    Attributes:
        source: ``app-config.yaml:12``, with what the file takes the value from; the variable; or ``default``.
    """

    key: str
    value: Json
    source: str


def effective(merged: Merged, settings: Settings) -> list[Shown]:
    """Return what is configured and read, and the defaults of the rest, by key.

    Args:
        merged: the configuration.
        settings: what was made of it, for defaults that depend on other values.
    """
    found = {one.key: one for one in _configured(merged, merged.data, known.tree(), ())}
    backend = settings.backend
    computed: list[tuple[str, Json]] = [
        ("backend.baseUrl", backend.base_url),
        ("backend.workingDirectory", str(backend.working_directory)),
    ]
    if "backend.listen" not in found:
        computed += [("backend.listen.host", backend.host), ("backend.listen.port", backend.port)]
    for key, value in (*computed, *defaults(Settings), *defaults(AuthSettings)):
        if not any(name == key or name.startswith((f"{key}.", f"{key}[")) for name in found):
            found[key] = Shown(key, secret_values.masked(key, value), "default")
    return sorted(found.values(), key=lambda one: one.key)


def defaults(cls: type, prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Yield the keys that have a default, with it as JSON; an optional section that is absent has none."""
    for field in dataclasses.fields(cls):
        described: Key | None = field.metadata.get("key")
        if described is None:
            if dataclasses.is_dataclass(field.default) and not isinstance(field.default, type):
                yield from defaults(type(field.default), prefix)  # its keys stand in the same section
            continue
        path = f"{prefix}{described.path}"
        if isinstance(described.kind, Section):
            if not described.kind.is_optional:
                yield from defaults(described.kind.cls, f"{path}.")
            continue
        made = field.default_factory() if field.default_factory is not MISSING else field.default
        if made is MISSING or made is None or made == Path() or (shown := _json(made)) in ([], {}):
            continue
        yield path, f"{made:g}s" if isinstance(made, float) and described.kind in _DURATIONS else shown


def _configured(merged: Merged, data: Json, node: known.Node, path: ConfigPath) -> Iterator[Shown]:
    if node.is_unread and not node.names:
        return
    if isinstance(data, dict) and data and not node.is_opaque:
        for name, value in data.items():
            if below := node.below(name):
                yield from _configured(merged, value, below, (*path, name))
    elif isinstance(data, list) and data and node.items:
        for index, value in enumerate(data):
            yield from _configured(merged, value, node.items, (*path, index))
    elif path and data is not None:
        key = dotted(path)
        yield Shown(key, secret_values.masked(key, data), _source(merged, path))


def _source(merged: Merged, path: ConfigPath) -> str:
    depth, layer = merged.origin(path)
    if layer is None:
        return "default"
    if layer.name == ENV_LAYER:
        return f"APP_CONFIG_{'_'.join(str(part) for part in path[:depth])}"
    taken = next((layer.sources[path[:end]] for end in range(depth, 0, -1) if path[:end] in layer.sources), None)
    place = shown_file(layer.where(path[:depth]))
    return f"{place} ({taken})" if taken else place


def _json(value: object) -> Json:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | frozenset | list):
        return [_json(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value
