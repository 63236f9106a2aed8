"""Under which licences the packages come that are installed with this one."""

from pathlib import Path

import pytest

from tests.packaging import licences

PAGE = Path(__file__).parents[2] / "docs/licences.md"
STRICT = ("GPL", "GNU General Public", "Affero")


def test_the_page_lists_what_is_installed() -> None:
    """Each row, that is: another Python or platform may need a package less."""
    assert set(licences.page().splitlines()) <= set(PAGE.read_text(encoding="utf-8").splitlines())


@pytest.mark.thorough
def test_each_licence_is_known_and_none_is_the_gpl_alone() -> None:
    for package in licences.installed():
        found = licences.licence(package)
        assert found, package.metadata["Name"]
        if "LGPL" not in found and " OR " not in found:
            assert not any(word in found for word in STRICT), (package.metadata["Name"], found)
