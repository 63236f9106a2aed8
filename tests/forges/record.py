"""Write what Backstage's own modules send to the stand-ins: ``python -m tests.forges.record``.

``BACKSTAGE_PY_ANCHOR`` is a folder with the packages of the release, as ``./dev reference --install`` makes it.
``.ci/proof`` does it; what has changed since is seen in the tables then.
"""

import asyncio
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from backstage_py.model import yaml
from tests.forges import differences, gitlab_cases, gitlab_host, official
from tests.forges.differences import Case

_MODULE = "@backstage/plugin-scaffolder-backend-module-gitlab"


_TOKEN = "recorded"  # of a host that lives as long as a case


def config(url: str, token: str, more: Any) -> Any:
    """An app-config whose gitlab.com is a stand-in."""
    host = {"host": "gitlab.com", "apiBaseUrl": f"{url}{gitlab_host.PREFIX}", "baseUrl": url, "token": token}
    return {"integrations": {"gitlab": [host]}, "scaffolder": dict(more)}


async def _described() -> Any:
    async with official.running(_MODULE, {"integrations": {"gitlab": [{"host": "gitlab.com"}]}}) as module:
        return await module.ask(describe=True)


def _examples(described: Any) -> list[Case]:
    return [
        Case(f"example {number}", action["id"], _completed(action, example["example"]))
        for action in described
        if action["id"] != "gitlab:group:migrate"  # has the examples of another action
        for number, example in enumerate(action["examples"])
    ]


def _completed(action: Any, example: str) -> dict[str, Any]:
    """The input of an example, with a token in the place of an expression and with what its schema wants."""
    given: dict[str, Any] = yaml.load(example)["steps"][0]["input"]
    if " " in given.get("token", ""):
        given["token"] = "user-oauth"  # of the stand-in
    return dict.fromkeys(action["schema"]["input"].get("required", ()), 1) | given


async def _record(case: Case, module: official.Official, port: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "work")
        async with gitlab_host.serve(Path(folder, "host"), token=_TOKEN, port=port) as gitlab:
            await gitlab_cases.scene(gitlab, work)
            said = await module.ask(folder=str(work), action=case.action, input=case.input, dry=case.dry)
            return {
                "name": case.name,
                "action": case.action,
                "input": case.input,
                "dry": case.dry,
                "config": dict(case.config),
                "requests": differences.requests(gitlab.base),
                "output": differences.same(gitlab.base, said["output"]),
                "error": said.get("error"),
                "warnings": [text for level, text in said["log"] if level == "warn"],
                "left": await differences.left(gitlab.base),
            }


async def _main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    described = await _described()
    actions = [{name: one.get(name) for name in ("id", "dry", "schema")} for one in described]
    differences.write("gitlab-actions", [differences.structure(one) for one in actions])
    cases = [*_examples(described), *gitlab_cases.CASES]
    found = {}
    for more in dict.fromkeys(case.config for case in cases):
        async with official.running(_MODULE, config(f"http://127.0.0.1:{port}", _TOKEN, more)) as module:
            for case in cases:
                if case.config == more:
                    found[id(case)] = await _record(case, module, port)
    differences.write("gitlab", [found[id(case)] for case in cases])
    sys.stdout.write(f"{len(cases)} cases for GitLab\n")


if __name__ == "__main__":
    asyncio.run(_main())
