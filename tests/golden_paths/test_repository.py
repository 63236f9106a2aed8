"""What every produced repository holds, whatever its language."""

from pathlib import Path

import pytest
import yaml

from backstage_py import bundled
from tests.golden_paths import produced

_SHARED = ("chart", "deploy")
"""The same text in each language; there twice, since each golden path is a folder that can be copied alone."""


def _files(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("language", produced.LANGUAGES)
@pytest.mark.parametrize("path", _SHARED)
def test_languages_share_how_they_are_delivered(language: str, path: str) -> None:
    assert _files(produced.skeleton(language) / path) == _files(produced.skeleton("go") / path)


@pytest.mark.parametrize("language", produced.LANGUAGES)
def test_the_template_gives_the_skeleton_a_name_and_a_team(language: str) -> None:
    template = yaml.safe_load((produced.skeleton(language).parent / "template.yaml").read_text(encoding="utf-8"))
    step = next(one for one in template["spec"]["steps"] if one["action"] == "fetch:template")
    assert (bundled.skeletons() / f"{language}-microservice" / step["input"]["url"]).is_dir()
    assert set(step["input"]["values"]) >= set(produced.VALUES)


def test_nothing_of_backstages_syntax_is_left(repository: Path) -> None:
    for path in sorted(each for each in repository.rglob("*") if each.is_file()):
        text = path.read_text(encoding="utf-8")
        assert "{%" not in text, path
        if ".github" not in path.parts:
            assert "${{" not in text, path
        assert "${{" not in path.name
