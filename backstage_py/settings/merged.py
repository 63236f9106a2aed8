"""Layers laid over each other: objects merge, everything else is replaced; and which layer says what."""

from collections.abc import Sequence

from backstage_py.model.json import Json, JsonObject
from backstage_py.settings.files import Layer

Path = tuple[str | int, ...]


class Merged:
    """The configuration of several layers, later ones over earlier ones."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        data: Json = {}
        for layer in layers:
            data = _over(data, layer.data)
        self.data: JsonObject = data

    def where(self, path: Path) -> str | None:
        """Return file and line of a value: of the last layer that has it, or else has the nearest value above it."""
        best: tuple[int, Layer] | None = None
        for layer in self._layers:
            depth = _depth(layer.data, path)
            if depth and (best is None or depth >= best[0]):
                best = (depth, layer)
        return best[1].where(path[: best[0]]) if best else None


def _over(below: Json, above: Json) -> Json:
    if isinstance(below, dict) and isinstance(above, dict):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _over(below[key], value) if key in below else value
        return merged
    return above


def _depth(data: Json, path: Path) -> int:
    """Return how many parts of ``path`` exist."""
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)
