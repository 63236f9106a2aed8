"""What a skeleton becomes in the hands of ``fetch:template``."""

from pathlib import Path
from typing import Final

from backstage_py import bundled
from backstage_py.templating.engine import Renderer

LANGUAGES: Final = tuple(
    language for language in ("go", "python") if (bundled.skeletons() / f"{language}-microservice/skeleton").is_dir()
)
VALUES: Final = {"name": "checkout-api", "team": "payments"}
NAME: Final = VALUES["name"]
TEAM: Final = VALUES["team"]


def skeleton(language: str) -> Path:
    """The folder whose files become a repository."""
    return bundled.skeletons() / f"{language}-microservice/skeleton"


def produce(source: Path, target: Path, values: dict[str, str] | None = None) -> Path:
    """Render each file of a skeleton, and its name."""
    engine = Renderer()
    context = engine.prepare({"values": values or VALUES})
    for path in sorted(each for each in source.rglob("*") if each.is_file() and "__pycache__" not in each.parts):
        name = engine.render(path.relative_to(source).as_posix(), context)
        made = target / name
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(engine.render(path.read_text(encoding="utf-8"), context, filename=name), encoding="utf-8")
        made.chmod(path.stat().st_mode)
    return target
