"""Policies of untrusted templates: a program that loops, grows, or looks around."""

from pathlib import Path

import pytest

from backstage_py.errors import InputError
from backstage_py.integrations.policy import rego, subject
from tests.actions.harness import Task

LOOP = """\
package main
import rego.v1
listed := numbers.range(1, 3000)
deny contains "slow" if {
  some a in listed
  some b in listed
  some c in listed
  a + b + c < 0
}
"""


@pytest.mark.thorough
async def test_a_policy_without_end_is_ended(task: Task) -> None:
    (task.workspace.root / "a.yaml").write_text("a: 1")
    task.configured(scaffolder={"children": {"cpuSeconds": 1}})
    with pytest.raises(InputError, match=r"scaffolder\.children\.cpuSeconds"):
        await task.run("policy:check", {"rego": LOOP})


async def test_a_policy_that_grows_is_ended(task: Task) -> None:
    (task.workspace.root / "a.yaml").write_text("a: 1")
    task.configured(scaffolder={"children": {"memoryBytes": 256 * 2**20}})
    doubled = "\n".join(f'a{n} := concat("", [a{n - 1}, a{n - 1}])' for n in range(1, 34))
    grows = f'package main\nimport rego.v1\na0 := "0123456789"\n{doubled}\ndeny contains "large" if count(a33) > 1'
    with pytest.raises(InputError, match=r"scaffolder\.children\.memoryBytes"):
        await task.run("policy:check", {"rego": grows})


async def test_a_policy_sees_nothing_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_PASSWORD", "s3cret")
    text = "package main\nimport rego.v1\ndeny contains name if { some name, _ in opa.runtime().env }"
    (found,) = await rego.evaluate("p", {"p.rego": text}, "main", [{}])
    assert set(found["deny"]) <= {"PATH", "LC_ALL", "LC_CTYPE"}


async def test_a_policy_is_asked_about_so_many_files_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "_MOST_FILES", 3)
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("a")
    assert len(subject.read(tmp_path, ["**"], {}).files) == 3
    (tmp_path / "4.txt").write_text("a")
    with pytest.raises(InputError, match="3 files at most"):
        subject.read(tmp_path, ["**"], {})
