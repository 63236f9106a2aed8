"""What pages show is true: configurations are ones that the service reads, commands exist, the README is short."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from backstage_py.cli.main import app
from backstage_py.settings import load
from backstage_py.settings.check import Answer

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r'^```yaml title="app-config.yaml"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(?:\w+=\S+ )*backstage-py ((?:[a-z][a-z-]*)(?: [a-z]+)?)", re.MULTILINE)
_ENVIRONMENT = {"CI_TOKEN": "not-a-secret", "DATABASE_PASSWORD": "not-a-secret", "KEY_ENCRYPTION_KEY": "k" * 32}


def configurations() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, found in enumerate(_FENCE.findall(page.read_text(encoding="utf-8")), start=1):
            yield f"{page.name}-{number}", found


@pytest.mark.parametrize(("name", "text"), list(configurations()), ids=lambda value: value if "\n" not in value else "")
def test_a_configuration_that_is_shown_is_read(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "app-config.yaml"
    file.write_text(text, encoding="utf-8")

    answers = load.findings([file], _ENVIRONMENT)

    assert answers, name
    bad = {Answer.WRONG, Answer.UNKNOWN, Answer.UNSET, Answer.IGNORED}
    assert [str(one) for one in answers if one.answer in bad] == []


def test_each_way_shows_a_configuration() -> None:
    assert [name for name, _ in configurations() if name.startswith("ways.md")] == [f"ways.md-{n}" for n in range(1, 5)]


def test_commands_that_are_shown_exist() -> None:
    known = typer.main.get_command(app)
    names = set(getattr(known, "commands", {}))
    groups = {name: set(getattr(one, "commands", {})) for name, one in getattr(known, "commands", {}).items()}
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for found in _COMMAND.findall(block):
                name, _, rest = found.partition(" ")
                assert name in names, f"{page.name} shows backstage-py {found}"
                assert not groups[name] or rest in groups[name], f"{page.name} shows backstage-py {found}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150
