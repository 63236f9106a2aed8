"""Layers laid over each other: objects merge, everything else is replaced; and which layer says what."""

from collections.abc import Sequence

from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.config_path import ConfigPath
from backstage_py.settings.files import Layer


class Merged:
    """The configuration of several layers, later ones over earlier ones."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)
        data: Json = {}
        for layer in layers:
            data = _over(data, layer.data)
        self.data: JsonObject = data

    def where(self, path: ConfigPath) -> str | None:
        """Return file and line of a value: of the last layer that has it, or else has the nearest value above it."""
        depth, layer = self.origin(path)
        return layer.where(path[:depth]) if layer else None

    def origin(self, path: ConfigPath) -> tuple[int, Layer | None]:
        """Return the layer that a value is from, and how many parts of the path it has; None when no layer has any."""
        best: tuple[int, Layer | None] = (0, None)
        for layer in self.layers:
            depth = _depth(layer.data, path)
            if depth and depth >= best[0]:
                best = (depth, layer)
        return best


def _over(below: Json, above: Json) -> Json:
    if isinstance(below, dict) and isinstance(above, dict):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _over(below[key], value) if key in below else value
        return merged
    return above


def _depth(data: Json, path: ConfigPath) -> int:
    """Return how many parts of ``path`` exist."""
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)
