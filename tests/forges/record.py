"""Write what Backstage's own modules send to the stand-ins: ``python -m tests.forges.record [KIND…]``.

``BACKSTAGE_PY_ANCHOR`` is a folder with the packages of the release, as ``./dev reference --install`` makes it.
``.ci/proof`` does it; what has changed since is seen in the tables then.
"""

import asyncio
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backstage_py.model import yaml
from tests.forges import differences, official
from tests.forges.differences import Case
from tests.forges.kinds import KINDS, Kind

_TOKEN = "recorded"  # of a host that lives as long as a case


def _examples(kind: Kind, described: Any) -> list[Case]:
    return [
        Case(f"example {number}", action["id"], _completed(action, example["example"], kind.placeholder))
        for action in described
        if action["id"] not in kind.without_examples
        for number, example in enumerate(action.get("examples") or ())
    ]


def _completed(action: Any, example: str, placeholder: str) -> dict[str, Any]:
    """The input of an example, with a token in the place of a placeholder, and with what its schema wants."""
    given: dict[str, Any] = yaml.load(example)["steps"][0]["input"]
    if placeholder in given.get("token", ""):
        given["token"] = "user-oauth"  # of the stand-in
    return dict.fromkeys(action["schema"]["input"].get("required", ()), 1) | given


async def _record(kind: Kind, case: Case, module: official.Official, port: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "work")
        async with kind.serve(Path(folder, "host"), token=_TOKEN, port=port) as host:
            host.base.about = case.action
            await kind.scene(host, work)
            said = await module.ask(folder=str(work), action=case.action, input=case.input, dry=case.dry)
            return {
                "name": case.name,
                "action": case.action,
                "input": case.input,
                "dry": case.dry,
                "config": dict(case.config),
                "requests": kind.comparable(differences.requests(host.base)),
                "output": kind.plain(differences.same(host.base, said["output"])),
                "error": differences.same(host.base, said.get("error")),
                "warnings": [text for level, text in said["log"] if level == "warn"],
                "left": await differences.left(host.base),
            }


def _app_config(kind: Kind, url: str, more: Mapping[str, Any]) -> Any:
    return {"integrations": kind.integrations(url, _TOKEN), "scaffolder": dict(more)}


async def _write(kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    hosts = dict.fromkeys(kind.hosts, url)
    async with official.running(kind.module, _app_config(kind, url, {})) as module:
        described = await module.ask(describe=True)
    actions = [{name: one.get(name) for name in ("id", "dry", "schema")} for one in described]
    differences.write(f"{kind.name}-actions", [differences.structure(one) for one in actions])
    cases = [*_examples(kind, described), *kind.cases]
    found = {}
    for more in [case.config for at, case in enumerate(cases) if case.config not in [one.config for one in cases[:at]]]:
        async with official.running(kind.module, _app_config(kind, url, dict(more)), hosts) as module:
            for case in cases:
                if case.config == more:
                    found[id(case)] = await _record(kind, case, module, port)
    differences.write(kind.name, [found[id(case)] for case in cases])
    sys.stdout.write(f"{len(cases)} cases for {kind.name}\n")


async def _main(names: list[str]) -> None:
    for kind in KINDS:
        if not names or kind.name in names:
            await _write(kind)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
