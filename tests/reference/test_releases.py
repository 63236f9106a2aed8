"""What is kept of releases of Backstage, and what is read out of their changelogs."""

import json
import re
from pathlib import Path

import pytest

from tests.browser.build import SOURCE
from tests.contract.releases import NEWEST
from tests.forges import kinds as forges
from tests.git_hosts import kinds as git_hosts
from tests.reference import changelog, packages, page
from tests.reference.changelog import Change

_TESTS = Path(__file__).resolve().parents[1]
_LOADED = re.compile(r"""(?:\bload\(|\bmodule=|\b_[A-Z]+ = )["'](@[\w.-]+/[\w.-]+)""")
_LOCKS = [*packages.HERE.glob("*/package-lock.json"), SOURCE / "package-lock.json"]
_CHANGELOG = """\
# @backstage/x

## 1.2.0

### Minor Changes

- aaaaaaa: New.

## 1.2.0-next.0

### Minor Changes

- ccccccc: Only in a preview.

## 1.1.0

### Patch Changes

- bbbbbbb: Older.
- Updated dependencies
  - @backstage/y@1.0.0

## 1.0.0

- ddddddd: The oldest.
"""


@pytest.mark.parametrize("lock", _LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_file_holds_checksums_and_no_address(lock: Path) -> None:
    found = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    assert all("resolved" not in one for one in found.values())
    assert all("integrity" in one for name, one in found.items() if name)


def test_the_newest_release_that_is_kept_is_the_one_that_calls_are_recorded_of() -> None:
    assert packages.kept()[-1] == NEWEST
    assert packages.before(NEWEST) == packages.kept()[-2]
    assert packages.before("scaffolder-backend-9.9.9") == NEWEST


def test_a_release_that_nobody_kept_is_refused() -> None:
    with pytest.raises(SystemExit, match=f"release 0.1.0 is not known; there are: .*{NEWEST}, latest"):
        packages.resolve("0.1.0")


def test_the_changes_between_two_versions_are_named_once(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "CHANGELOG.md").write_text(_CHANGELOG)
    before, now = {"x": "1.0.0", "y": "1.1.0", "z": "1.0.0"}, {"x": "1.2.0", "y": "1.2.0", "z": "1.0.0"}
    assert changelog.between(tmp_path, before, now) == [Change("aaaaaaa", ("x", "y")), Change("bbbbbbb", ("x",))]


def test_every_change_that_was_reviewed_has_a_sentence() -> None:
    found = page.reviewed(packages.HERE / NEWEST / "reviewed.json")
    assert found
    assert all(len(commit) == 7 and text for commit, text in found.items())


def test_a_release_holds_every_package_that_is_recorded_or_loaded_from_it() -> None:
    scripts = [path for ending in ("py", "cjs", "js") for path in _TESTS.rglob(f"*.{ending}")]
    loaded = {name for path in scripts for name in _LOADED.findall(path.read_text(encoding="utf-8"))}
    assert {one.module for one in forges.KINDS} | {one.module for one in git_hosts.KINDS if one.module} < loaded
    lock = json.loads((packages.HERE / NEWEST / "package-lock.json").read_text(encoding="utf-8"))
    assert loaded <= {name.removeprefix("node_modules/") for name in lock["packages"]}
    named = packages.manifest(NEWEST)["dependencies"]
    assert {name for name in loaded if "-module-" in name} <= named.keys()
    assert lock["packages"][""]["dependencies"] == named
