import asyncio

import pytest

from backstage_py.errors import InputError
from backstage_py.integrations.children import jsonata

FOREVER = "($f := function() {$f()}; $f())"


async def test_an_expression_that_never_ends_is_stopped() -> None:
    with pytest.raises(InputError, match=r"did not end within|[Tt]imeout|time limit"):
        await jsonata.evaluate(FOREVER, {}, seconds=0.5)


async def test_a_cancelled_step_leaves_no_process_behind() -> None:
    running = asyncio.create_task(jsonata.evaluate(FOREVER, {}))
    await asyncio.sleep(0.3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_is_no_json_becomes_null_and_whole_numbers_stay_whole() -> None:
    assert await jsonata.evaluate("{'f': $sum, 'n': 4 / 2, 'l': [$sum, 1]}", {}) == {"f": None, "n": 2, "l": [None, 1]}


@pytest.mark.thorough
async def test_an_expression_does_not_reach_the_host() -> None:
    for expression in ("__import__('os')", "$eval('__builtins__')", "$.__class__", "$$.__class__.__mro__"):
        try:
            assert await jsonata.evaluate(expression, {"a": 1}) is None
        except InputError:
            continue
