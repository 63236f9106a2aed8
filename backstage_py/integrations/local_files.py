"""How far relative paths lead that a file of this machine names: within its folder, or a root that is configured."""

from collections.abc import Iterable
from pathlib import Path


def boundary(folder: Path, roots: Iterable[str | Path]) -> Path:
    """Return the folder that a file in ``folder`` may not lead out of: the outermost root around it, or ``folder``."""
    real = folder.resolve()
    around = [root for root in map(_resolved, roots) if real.is_relative_to(root)]
    return min(around, key=lambda root: len(root.parts), default=real)


def _resolved(root: str | Path) -> Path:
    return Path(root).absolute().resolve()
