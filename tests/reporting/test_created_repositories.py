"""Which steps create a repository, on whatever host."""

import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.plugin import TemplateInfo, User
from backstage_py.scaffolder.run import measured
from backstage_py.scaffolder.run.spec import Spec

SPEC = Spec([], {}, {"owner": "team-a"}, User(ref=None, entity=None), TemplateInfo("template:default/t", None, None))
ACTIONS: list[Any] = json.loads(
    (Path(__file__).parents[2] / "schemas/builtin-actions.json").read_text(encoding="utf-8")
)
CREATING = {
    "github:repo:create",
    *(
        f"publish:{host}"
        for host in ("azure", "bitbucketCloud", "bitbucketServer", "gerrit", "gitea", "github", "gitlab")
    ),
}


def created(action: str, **outputs: Any) -> list[str | None]:
    return [one.repository for one in measured.events_of(action, outputs, SPEC, "task")]


def test_all_built_in_actions_that_create_one_are_known_and_no_others() -> None:
    url = "https://host.example.com/acme/shop.git"
    found = {one["id"] for one in ACTIONS if created(one["id"], remoteUrl=url)}
    assert found == CREATING
    outputs = {one["id"]: one["schema"]["output"]["properties"] for one in ACTIONS if one["id"] in CREATING}
    assert all("remoteUrl" in properties for properties in outputs.values())


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        ({"remoteUrl": "https://user:secret@h.io/a/b.git", "commitHash": "c1"}, ["h.io/a/b"]),
        ({"remoteUrl": ["https://h.io/a/b", "https://h.io/a/c"], "commitHash": ["c1"]}, ["h.io/a/b", "h.io/a/c"]),
        ({"remoteUrl": "https://h.io/a/b", "created": False}, []),
        ({"remoteUrl": 7}, []),
        ({}, []),
    ],
)
def test_what_a_step_puts_out_names_what_it_created(outputs: dict[str, Any], names: list[str]) -> None:
    assert created("publish:acme", **outputs) == names
