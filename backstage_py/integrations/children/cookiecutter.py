"""Real cookiecutter, in a process of its own: it changes the working directory and renders templates that are code.

What the child process may do is in ``cookiecutter_job``. Here are the folders, the time it gets, and its errors.
"""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from backstage_py import disk, threads
from backstage_py.errors import ForeignError, InputError
from backstage_py.integrations.children import limits, process
from backstage_py.integrations.children.limits import Limits
from backstage_py.integrations.children.process import ChildJobError, ChildLimitError
from backstage_py.model.json import Json, JsonObject

_CONTENTS = "{{cookiecutter and 'contents'}}"
_DEFAULTS = "cookiecutter.json"


@asynccontextmanager
async def rendered(
    template: Path,
    *,
    values: Mapping[str, Json],
    copy_without_render: Sequence[str] = (),
    extensions: Sequence[str] = (),
    allow_hooks: bool = False,
    seconds: float = 120.0,
    config: Mapping[str, Json] | None = None,
) -> AsyncIterator[Path]:
    """Give a folder with the rendered content of ``template``; it is removed afterwards.

    As in Backstage the whole folder is rendered, without the outer folder that cookiecutter asks for, and values win
    over the defaults of its ``cookiecutter.json``.

    Raises:
        InputError: cookiecutter refuses the template; its words are in the message. ForeignError: it did not end.
        QuotaError, DiskFullError: it renders more than a task may hold, or there is room for.
    """
    work = Path(tempfile.mkdtemp(prefix="backstage-cookiecutter-"))
    try:
        job = await threads.file_work(
            _prepare, work, template, values, list(copy_without_render), list(extensions), allow_hooks
        )
        bounds = replace(Limits.of(config), processes=None if allow_hooks else 0)
        await disk.within(limits.quota(config), work / "output", _run(work, job, seconds, bounds))
        result = work / "output" / "contents"
        if not result.is_dir():
            raise InputError("cookiecutter rendered nothing; check that the template is a folder with files")
        yield result
    finally:
        await threads.file_work(shutil.rmtree, work, ignore_errors=True)


def _prepare(
    work: Path,
    template: Path,
    values: Mapping[str, Json],
    copy_without_render: list[str],
    extensions: list[str],
    allow_hooks: bool,  # noqa: FBT001  # passed on by position to a thread
) -> JsonObject:
    contents = work / "template" / _CONTENTS
    shutil.copytree(template, contents, symlinks=True, ignore=_links_that_leave(template.resolve()))
    defaults = _defaults(contents / _DEFAULTS)
    hooks = contents / "hooks"
    if allow_hooks and hooks.is_dir():
        hooks.rename(work / "template" / "hooks")
    context = {key: value for key, value in defaults.items() if key not in {"_extensions", "_jinja2_env_vars"}}
    context |= dict(values)
    context |= {"_copy_without_render": copy_without_render, "_extensions": extensions}
    (work / "template" / _DEFAULTS).write_text(json.dumps(context), encoding="utf-8")
    (work / "output").mkdir()
    return {"template": str(work / "template"), "output": str(work / "output"), "hooks": allow_hooks}


def _defaults(path: Path) -> JsonObject:
    if not path.is_file():
        return {}
    try:
        defaults = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"The template's {_DEFAULTS} is not JSON: {error}") from error
    return defaults if isinstance(defaults, dict) else {}


def _links_that_leave(root: Path) -> "shutil._IgnoreFn":  # type: ignore[name-defined]  # typeshed's name of the type
    def ignore(folder: str, names: list[str]) -> list[str]:
        links = [name for name in names if Path(folder, name).is_symlink()]
        return [name for name in links if root not in Path(folder, name).resolve().parents]

    return ignore


async def _run(work: Path, job: JsonObject, seconds: float, bounds: Limits) -> None:
    own = {"HOME": str(work), "TMPDIR": str(work)}
    try:
        await process.run("cookiecutter_job", job, seconds=seconds, limits=bounds, cwd=work, environment=own)
    except TimeoutError as error:
        raise ForeignError(f"cookiecutter did not end within {seconds:g} seconds") from error
    except ChildLimitError as error:
        raise InputError(f"cookiecutter failed: the template {error}") from error
    except ChildJobError as error:
        raise InputError(f"cookiecutter failed: {error}") from error
