"""The binary in a bounded child: its own folder for data and home, the operator's environment, no other."""

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backstage_py import disk, threads
from backstage_py.errors import ForeignError, InputError, SettingsError
from backstage_py.integrations.children import child, limits
from backstage_py.integrations.children.child import OutputError
from backstage_py.integrations.children.limits import GIT
from backstage_py.integrations.terraform.rules import Rules
from backstage_py.model import excerpt
from backstage_py.model.json import Json

_LIMITS = replace(GIT, memory=16 * 2**30)
_NOT_FOUND = 127
_LONGEST = 8_000
_OVERRIDE = "backstage_backend_override.tf"
_STATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
_MASK = "***"
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Program:
    """The binary for one folder."""

    rules: Rules
    folder: Path
    own: Path
    seconds: float
    config: Mapping[str, Json]

    async def run(self, *arguments: str, also: Sequence[int] = ()) -> str:
        """Return what the binary says, without the operator's secrets.

        Raises:
            SettingsError: there is no such binary. InputError: it fails; its words are in the message. ForeignError: it
            does not end in time. QuotaError, DiskFullError: it writes more than a task may.
        """
        command = (self.rules.binary, *arguments)
        work = child.run(command, limits=_LIMITS, environment=self._environment(), cwd=self.folder)
        try:
            async with asyncio.timeout(self.seconds):
                ended = await disk.within(limits.quota(self.config), self.own, work)
        except TimeoutError as error:
            raise ForeignError(f"'{arguments[0]}' did not end within {self.seconds:g} seconds") from error
        except OutputError as error:
            raise InputError(f"'{arguments[0]}' {error}") from error
        if ended.status == _NOT_FOUND:
            raise SettingsError("terraform.binary", f"'{self.rules.binary}' cannot be started: {ended.said}")
        if ended.status not in (0, *also):
            why = ended.said or ended.output.decode("utf-8", "replace")
            why = _LIMITS.reached(ended.status, ended.said) or why
            raise InputError(f"{arguments[0]} failed: {self.shown(excerpt.ending(why, _LONGEST))}")
        return self.shown(ended.output.decode("utf-8", "replace"))

    def shown(self, text: str) -> str:
        """Return a text without the operator's secrets."""
        for one in self.rules.environment.values():
            if len(one) >= _SHORTEST_SECRET:
                text = text.replace(one, _MASK)
        return text

    def _environment(self) -> dict[str, str]:
        return {
            **child.least_environment(),
            **self.rules.environment,
            "HOME": str(self.own),
            "TMPDIR": str(self.own),
            "TF_DATA_DIR": str(self.own / "data"),
            "TF_CLI_CONFIG_FILE": str(self.own / "cli.tfrc"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }


@asynccontextmanager
async def opened(
    rules: Rules, folder: Path, *, state: str | None, seconds: float, config: Mapping[str, Json]
) -> AsyncIterator[Program]:
    """Give the binary for a folder whose configuration was looked at; it is initialised.

    Raises:
        InputError: it has not what the rules hold, or the operator's backend wants a ``state``.
    """
    own = Path(await threads.file_work(tempfile.mkdtemp, prefix="backstage-terraform-"))
    override = folder / _OVERRIDE
    try:
        (own / "cli.tfrc").write_text(_installation(rules), encoding="utf-8")
        if rules.backend is not None:
            override.write_text(_backend(rules.backend, state), encoding="utf-8")
        program = Program(rules, folder, own, seconds, config)
        await program.run("init", "-input=false", "-no-color")
        yield program
    finally:
        override.unlink(missing_ok=True)
        await threads.file_work(shutil.rmtree, own, ignore_errors=True)


def _installation(rules: Rules) -> str:
    """Return the CLI configuration: the binary itself refuses providers that are not listed."""
    if not rules.providers:  # an empty 'include' would mean all
        return 'provider_installation {\n  direct {\n    exclude = ["*/*/*"]\n  }\n}\n'
    allowed = json.dumps(list(rules.providers))
    if rules.mirror:
        method = f"filesystem_mirror {{\n    path = {json.dumps(rules.mirror)}\n    include = {allowed}\n  }}"
    else:
        method = f"direct {{\n    include = {allowed}\n  }}"
    return f"provider_installation {{\n  {method}\n}}\n"


def _backend(backend: tuple[str, Mapping[str, Json]], state: str | None) -> str:
    kind, config = backend
    if state is None or not _STATE.fullmatch(state) or ".." in state:
        raise InputError("Give 'state', by which the operator's backend keeps the state: letters, digits, . _ - and /")
    members = "".join(
        f"    {name} = {json.dumps(value.replace('{state}', state) if isinstance(value, str) else value)}\n"
        for name, value in config.items()
    )
    return f"terraform {{\n  backend {json.dumps(kind)} {{\n{members}  }}\n}}\n"
