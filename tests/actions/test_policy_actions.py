"""``policy:check``: what a policy denies ends the step, with rule, file and line; what cannot be asked denies."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from backstage_py.errors import InputError, NotAllowedError, NotFoundError, SettingsError
from tests.actions.harness import Result, Task
from tests.integrations.web_host import WebHost, serve

MANIFESTS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      hostNetwork: true
"""

REGO = """\
package main
import rego.v1

deny_network contains {"msg": "no host network", "at": ["spec", "template", "spec", "hostNetwork"]} if {
  input.kind == "Deployment"
  input.spec.template.spec.hostNetwork
}
warn contains "needs replicas" if {
  input.kind == "Deployment"
  not input.spec.replicas
}
"""
WHOLE = """\
package team.rules
import rego.v1

deny contains {"msg": sprintf("%s asks for a large one", [input.request.user]), "rule": "sizes"} if {
  input.request.size == "large"
}
deny contains {"msg": "no environment files", "file": file.path} if {
  some file in input.files
  endswith(file.path, ".env")
}
deny contains {"msg": "needs an owner", "file": "README.md", "line": 3} if {
  some file in input.files
  file.path == "README.md"
  not contains(file.text, "Owner")
}
"""


@pytest.fixture
async def server() -> AsyncIterator[WebHost]:
    async with serve() as running:
        yield running


def put(task: Task, name: str, text: str) -> None:
    path = task.workspace.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def check(task: Task, **given: Any) -> Result:
    return await task.run("policy:check", given)


async def test_a_denial_names_rule_file_and_line(task: Task) -> None:
    put(task, "k8s/all.yaml", MANIFESTS)
    with pytest.raises(NotAllowedError, match=r"main/deny_network: k8s/all\.yaml:12: no host network"):
        await check(task, rego=REGO, paths=["k8s/**"])


async def test_a_denial_is_a_warning_where_the_environment_has_it_so(task: Task) -> None:
    put(task, "k8s/all.yaml", MANIFESTS)
    result = await check(task, rego=REGO, environment="staging", warnIn=["staging", "test"])
    assert result.outputs["warnings"] == [
        {
            "policy": "main",
            "rule": "deny_network",
            "message": "no host network",
            "file": "k8s/all.yaml",
            "line": 12,
        },
        {"policy": "main", "rule": "warn", "message": "needs replicas", "file": "k8s/all.yaml", "line": 5},
    ]
    assert ("warning", "Policy main/deny_network: k8s/all.yaml:12: no host network") in result.log.lines
    with pytest.raises(NotAllowedError):
        await check(task, rego=REGO, environment="prod", warnIn=["staging", "test"])


async def test_the_tree_and_the_request_are_judged_at_once(task: Task) -> None:
    put(task, "README.md", "# Shop\n\nText\n")
    put(task, "conf/prod.env", "A=1")
    put(task, "policies/team.rego", WHOLE)
    with pytest.raises(NotAllowedError) as denied:
        await check(task, regoPath="policies", package="team.rules", each="tree", request={"size": "large"})
    message = denied.value.message
    assert "team.rules/deny: conf/prod.env:1: no environment files" in message
    assert "team.rules/deny: README.md:3: needs an owner" in message
    assert "team.rules/sizes: " in message


async def test_older_rego_is_read_too(task: Task) -> None:
    put(task, "a.yaml", "a: 1")
    rego = 'package main\ndeny[msg] { input.a == 1; msg := "no a" }\nviolation[{"msg": m}] { m := "never" }'
    with pytest.raises(NotAllowedError, match=r"main/deny: a\.yaml:1: no a; main/violation: a\.yaml:1: never"):
        await check(task, rego=rego)


async def test_what_holds_is_said(task: Task) -> None:
    put(task, "k8s/all.yaml", "kind: Service")
    result = await check(task, rego=REGO)
    assert result.outputs == {"warnings": []}
    assert result.log.messages == ["The policy holds nothing against it"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rego": "package main\n\ndeny contains if"}, r"cannot be evaluated: policy\.rego:3: "),
        ({"rego": REGO, "package": "mian"}, "has no rule deny, violation or warn"),
        ({"rego": REGO, "package": "main; x"}, "is no package of Rego"),
        ({"rego": REGO, "kyverno": True}, "Give one of"),
        ({}, "Give one of"),
        ({"regoPath": "none"}, "no file 'none'"),
        ({"policy": "none"}, "has no policy 'none'"),
    ],
)
async def test_what_cannot_be_asked_denies(task: Task, given: Any, said: str) -> None:
    put(task, "a.yaml", "a: 1")
    with pytest.raises((InputError, NotFoundError), match=said):
        await check(task, **given)


async def test_an_opa_server_is_asked_by_its_api(task: Task, server: WebHost) -> None:
    put(task, "k8s/all.yaml", MANIFESTS)
    asked: list[Any] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append((request.headers.get("Authorization"), await request.json()))
        kind = asked[-1][1]["input"]["kind"]
        return web.json_response({"result": {"deny": ["not here"] if kind == "Deployment" else []}})

    server.answers["/v1/data/kubernetes/admission"] = answer
    task.configured(policy={"opa": {"url": server.url, "token": "t0ken"}})
    with pytest.raises(NotAllowedError, match=r"kubernetes/admission/deny: k8s/all\.yaml:5: not here"):
        await check(task, opa="kubernetes/admission")
    assert [one[0] for one in asked] == ["Bearer t0ken", "Bearer t0ken"]
    assert asked[0][1] == {"input": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}}
    server.text("/v1/data/none", json.dumps({}), Content_Type="application/json")
    with pytest.raises(InputError, match="OPA has no package 'none'"):
        await check(task, opa="none")
    task.configured()
    with pytest.raises(SettingsError, match=r"policy\.opa\.url"):
        await check(task, opa="none")


async def test_a_policy_of_the_operator_is_asked_by_its_name(task: Task) -> None:
    put(task, "k8s/all.yaml", MANIFESTS)
    put(task, "other.yaml", MANIFESTS)
    policy = {"name": "hosts", "rego": REGO, "each": "document", "environments": {"staging": "warn"}}
    task.configured(scaffolder={"policies": [policy | {"paths": ["k8s/**"]}]})
    with pytest.raises(NotAllowedError) as denied:
        await check(task, policy="hosts", environment="prod")
    assert denied.value.message.count("hosts/deny_network") == 1
    result = await check(task, policy="hosts", environment="staging", paths=["other.yaml"])
    assert {one["file"] for one in result.outputs["warnings"]} == {"k8s/all.yaml"}


async def test_links_and_the_repository_are_no_part_of_the_tree(task: Task) -> None:
    (task.folder / "outside.env").write_text("A=1")
    (task.workspace.root / "link.env").symlink_to(task.folder / "outside.env")
    put(task, ".git/config.env", "A=1")
    result = await check(task, rego=WHOLE, package="team.rules", each="tree")
    assert result.outputs == {"warnings": []}


async def test_no_policy_passes_over_what_is_too_large_to_judge(task: Task) -> None:
    put(task, "k8s/all.yaml", MANIFESTS + "# " + "x" * 300_000)
    with pytest.raises(InputError, match="so that no policy can judge it"):
        await check(task, rego=REGO)
