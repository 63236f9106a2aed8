"""``backstage-py new``: starts a template, an action or a golden path from a skeleton of ours, with our own engine."""

import asyncio
import sys
from pathlib import Path

from backstage_py import bundled
from backstage_py.cli.commands import install_source, trust
from backstage_py.cli.local import form, given_values, template_file, template_runs
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.template_runs import Outcome, Request
from backstage_py.cli.terminal import output, trees
from backstage_py.errors import BackstageError, InputError
from backstage_py.model.json import JsonObject

OK, COULD_NOT_RUN = 0, 2
KINDS = ("template", "action", "golden-path")
_NEXT = {
    "template": "backstage-py test {folder}",
    "action": "pip install -e {folder} && backstage-py test {folder}/example",
    "golden-path": "backstage-py test {folder}",
}


def run(kind: str, name: str, *, out: Path | None, values: list[str], force: bool) -> int:
    """Write the files of a new ``kind``; return 0, or 2 when that was not possible."""
    folder = out or Path(name)
    try:
        outcome = _made(kind, name, folder, values, force=force)
        trees.write(folder, outcome.files)
        if not force:  # all that is there comes from us
            trusting.of_environment().remember(trust.wishes(folder))
    except BackstageError as error:
        sys.stderr.write(f"backstage-py: {error.message}\n")
        return COULD_NOT_RUN
    sys.stdout.write(f"Wrote {len(outcome.files)} files to {folder}/:\n")
    sys.stdout.writelines(f"{line}\n" for line in trees.lines(outcome.files))
    sys.stdout.write(f"\nNext: {_NEXT[kind].format(folder=folder)}\n")
    return OK


def _made(kind: str, name: str, folder: Path, values: list[str], *, force: bool) -> Outcome:
    if kind not in KINDS:
        raise InputError(f"there is nothing called '{kind}' to start; choose {', '.join(KINDS)}")
    if not name:
        raise InputError("a name is needed")
    output.check_folder(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not force):
        raise InputError(f"{folder} is there already and not empty; choose another name, or give --force")
    source = {"requirement": install_source.requirement(), "requirementToServe": install_source.requirement(("serve",))}
    outcome = asyncio.run(_render(kind, {"name": name, **source, **given_values.read(values)}))
    if outcome.error:
        raise outcome.error
    return outcome


async def _render(kind: str, values: JsonObject) -> Outcome:
    local = await template_file.load(bundled.skeletons() / f"new-{kind}")
    async with template_runs.opened() as scaffolder:
        return await scaffolder.run(local, Request(form.with_defaults(local.template.pages, values)))
