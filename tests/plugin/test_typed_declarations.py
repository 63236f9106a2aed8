"""What mypy tells an author: the decorator holds the function to the classes that it is given."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

AUTHOR = """\
from dataclasses import dataclass

from pydantic import BaseModel
from typing_extensions import TypedDict

from backstage_py.plugin import ActionContext, JsonObject, action


@dataclass(frozen=True)
class Input:
    name: str


class Model(BaseModel):
    text: str


class Members(TypedDict):
    text: str


@dataclass(frozen=True)
class Output:
    text: str


# What is right


@action("acme:model", Input, output=Model, timeout=60)
def model(ctx: ActionContext[Input]) -> Model:
    return Model(text=ctx.input.name)


@action("acme:members", Input, output=Members)
async def members(ctx: ActionContext[Input]) -> Members:
    return {"text": ctx.input.name}


@action("acme:told", Input, output=Output)
async def told(ctx: ActionContext[Input]) -> None:
    ctx.output("text", ctx.input.name)


@action("acme:perhaps", output=Output, dry_run=True)
def perhaps(ctx: ActionContext[JsonObject]) -> Output | None:
    return Output("x") if ctx.input else None


@action("acme:schema", {"type": "object"}, output={"type": "object"})
def schema(ctx: ActionContext[JsonObject]) -> JsonObject:
    return ctx.input


@action("acme:apart", Input, input_schema={"type": "object"})
def apart(ctx: ActionContext[Input]) -> JsonObject:
    return {"name": ctx.input.name}


# What is wrong


@action("acme:1", Input, output=Model)  # wrong
def other_model(ctx: ActionContext[Input]) -> Output:
    return Output(ctx.input.name)


@action("acme:2", Input, output=Members)  # wrong
async def loose(ctx: ActionContext[Input]) -> dict[str, int]:
    return {"text": len(ctx.input.name)}


@action("acme:3", output=Output)  # wrong
def text(ctx: ActionContext[JsonObject]) -> str:
    return "text"


@action("acme:4", Output)  # wrong
def other_input(ctx: ActionContext[Input]) -> None: ...


@action("acme:5", Input)  # wrong
def no_outputs(ctx: ActionContext[Input]) -> str:
    return ctx.input.name


@action("acme:6", Input, timout=60)  # wrong
def misspelt(ctx: ActionContext[Input]) -> None: ...


@action("acme:7", Input, dry_run="yes")  # wrong
def no_boolean(ctx: ActionContext[Input]) -> None: ...
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Check the file as an author would; the cache lies beside those of the checkout's other checks."""
    file = tmp_path_factory.mktemp("author") / "author.py"
    file.write_text(AUTHOR)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"]
    environment = ["--config-file=", f"--cache-dir={ROOT / '.mypy_cache' / 'author'}"]
    done = subprocess.run(
        [*command, *environment, file.name], cwd=file.parent, capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_mypy_sees_a_return_or_an_input_that_contradicts_the_decorator(complaints: list[str]) -> None:
    wrong = {number for number, line in enumerate(AUTHOR.splitlines(), start=1) if line.endswith("# wrong")}
    found = {int(re.search(r":(\d+): error", line)[1]) for line in complaints if ": error:" in line}  # type: ignore[index]  # every such line has a number
    assert found == wrong, "\n".join(complaints)
