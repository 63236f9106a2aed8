"""Each mistake of an author is told when it is made, with what to write instead."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from backstage_py.errors import BackstageError
from backstage_py.plugin import ActionContext, action
from backstage_py.testing import ActionRunner


@dataclass(frozen=True)
class Input:
    name: str


class Model(BaseModel):
    name: str


class Plain:
    name: str


@dataclass
class Odd:
    plain: Plain


@dataclass
class Broken:
    later: "NotThere"  # type: ignore[name-defined]  # noqa: F821  # that is the mistake


def handler(ctx: Any) -> None:
    del ctx


def yields(ctx: Any) -> Iterator[int]:
    del ctx
    yield 1


async def yields_async(ctx: Any) -> AsyncIterator[int]:
    del ctx
    yield 1


def takes_nothing() -> None:
    """Take no context."""


def takes_input(ctx: ActionContext[Input]) -> None:
    del ctx


def takes_model(ctx: ActionContext[Model]) -> None:
    del ctx


@pytest.mark.parametrize(
    ("given", "options", "function", "words"),
    [
        (("acme greet",), {}, handler, "one word like 'acme:greet'"),
        ((handler,), {}, handler, "begins with the id: write '@action(\"acme:greet\", Input)'"),
        (("a:b", "string"), {}, handler, "input of 'a:b' is not usable: expected a dataclass"),
        (("a:b", Plain), {}, handler, "the plain class Plain; write '@dataclass(frozen=True)' above it"),
        (("a:b", Odd), {}, handler, "use str, int, float, bool, list, dict"),
        (("a:b", Broken), {}, handler, "'NotThere' is not defined; define what its fields mention"),
        (("a:b", {"type": "array"}), {}, handler, "its type is 'object', not 'array'"),
        (("a:b", {"name": {"type": "string"}}), {}, handler, 'belong into {"type": "object", "properties": {…}}'),
        (
            ("a:b", {"properties": {"n": {"type": "str"}}}),
            {},
            handler,
            "properties.n has the type 'str'; there are ",
        ),
        (("a:b", {"properties": {"n": "string"}}), {}, handler, "properties.n is 'string'; write a schema there"),
        (("a:b", {"properties": {"n": {"required": True}}}), {}, handler, "'required' of properties.n is True"),
        (("a:b", {"allOf": [{"items": 5, "type": "array"}]}), {}, handler, "allOf[0].items is 5"),
        (("a:b",), {"output": "x"}, handler, "output of 'a:b' is not usable"),
        (("a:b",), {"secrets": Plain}, handler, "secrets of 'a:b' is the plain class"),
        (("a:b",), {"retry": 3}, handler, "write 'retry=RetryPolicy(attempts=3)'"),
        (("a:b",), {"timeout": "60"}, handler, "write 'timeout=60 (seconds)'"),
        (("a:b",), {"timeout": 0}, handler, "must be more than 0 seconds"),
        (("a:b",), {"attributes": {"readOnly": True}}, handler, "write 'attributes=ActionAttributes(read_only=True)'"),
        (("a:b",), {"examples": [{"description": "x"}]}, handler, "write 'examples=[ActionExample("),
        (("a:b",), {"dry_run": "yes"}, handler, "write 'dry_run=True'"),
        (("a:b",), {}, yields, "has a 'yield'; return the outputs"),
        (("a:b",), {}, yields_async, "has a 'yield'; return the outputs"),
        (("a:b",), {}, takes_nothing, "must take one argument, as in 'def takes_nothing(ctx"),
        (("a:b",), {}, Plain, "stands above a function, not above"),
        (("a:b",), {}, takes_input, "takes an ActionContext[Input]; write '@action(\"a:b\", Input)'"),
        (("a:b", Input), {}, takes_model, "takes an ActionContext[Model]; name the same class in both"),
    ],
)
def test_a_wrong_declaration_says_what_to_write(
    given: tuple[Any, ...], options: dict[str, Any], function: Callable[..., Any], words: str
) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        action(*given, **options)(function)  # type: ignore[no-untyped-call]  # which overload it is, the cases say
    assert words in str(raised.value)


@pytest.mark.parametrize("declared", [None, Input, Model, {"type": "object", "properties": {"name": True}}])
def test_right_declarations_are_taken(declared: Any) -> None:
    assert action("acme:greet", declared)(handler).id == "acme:greet"


@action("test:forgets", Input)
async def forgets(ctx: ActionContext[Input]) -> None:
    ctx.sleep(1)  # type: ignore[unused-coroutine]  # that is the mistake


@action("test:uses", Input)
def uses(ctx: ActionContext[Input]) -> dict[str, Any]:
    answer: Any = ctx.http.get("/api/catalog")
    return {"x": answer.json()}


@action("test:waits", Input)
async def waits(ctx: ActionContext[Input]) -> None:
    ctx.wait(ctx.sleep(1))


@action("test:no-coroutine", Input)
def waits_for_nothing(ctx: ActionContext[Input]) -> None:
    ctx.wait("text")  # type: ignore[arg-type]  # that is the mistake


@action("test:wrong", Input, output=Input)  # type: ignore[arg-type]  # that is the mistake
def returns_wrong(_ctx: ActionContext[Input]) -> dict[str, Any]:
    return {"name": 5}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (forgets, "write 'await' before it, or 'ctx.wait(…)' around it"),
        (waits, "'ctx.wait' is for plain functions; in an 'async def' write 'await' instead"),
        (waits_for_nothing, "'ctx.wait' takes a coroutine, as in 'ctx.wait(ctx.http.get(…))'"),
        (uses, "in a test that asks for its fake (backstage_py.testing)"),
        (returns_wrong, "name is not of a type(s) string; change what it returns, or its output class"),
    ],
    ids=lambda one: getattr(one, "id", ""),
)
def test_the_test_kit_finds_what_goes_wrong_later(action_runner: ActionRunner, wanted: Any, words: str) -> None:
    with pytest.raises((BackstageError, AssertionError)) as raised:
        action_runner(wanted, {"name": "Ada"})
    assert words in str(raised.value)


def test_what_is_no_action_is_not_run(action_runner: ActionRunner) -> None:
    with pytest.raises(TypeError, match="is no action; put '@action"):
        action_runner(handler, {})  # type: ignore[arg-type]  # that is the mistake
