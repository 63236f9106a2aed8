import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.plugin import ActionContext, action
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.scaffolder.run.split_secrets import SplitSecrets
from tests.scaffolder.harness import log, template, world

SECRET = "k3y-9fQz27Lm-Xw81"


def shown(*messages: str, secret: str = SECRET) -> list[str]:
    """Return what a log shows of these messages."""
    redactor = Redactor([secret])
    split = SplitSecrets(redactor)
    return [redactor.text(split.text(message)) for message in messages]


def test_the_rest_of_a_secret_is_hidden_and_what_stands_around_is_not() -> None:
    assert shown("login k3y-9fQ", "z27Lm-Xw81 done", "next") == ["login k3y-9fQ", "*** done", "next"]
    assert shown("login k3y-9fQz27Lm", "-Xw81 done") == ["login ***", "*** done"]


def test_a_beginning_that_does_not_go_on_costs_no_more_than_itself() -> None:
    assert shown("login k3y-9fQz27Lm", "and something else") == ["login ***", "and something else"]


def test_words_that_begin_like_a_secret_stay() -> None:
    assert shown("a k3y", "-hole", secret=SECRET) == ["a k3y", "-hole"]
    assert shown("the production", "plan", secret="production-database-password") == ["the production", "plan"]


@given(
    st.permutations("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"),
    st.integers(4, 39),
    st.text("0 \n", max_size=8),
    st.text("0 \n", max_size=8),
    st.data(),
)
def test_of_a_secret_in_pieces_at_most_its_beginning_is_shown(
    letters: list[str], length: int, before: str, after: str, data: st.DataObject
) -> None:
    secret = "".join(letters[:length])
    whole = before + secret + after
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    seen = "".join(letter for letter in "".join(shown(*pieces, secret=secret)) if letter in secret)
    assert secret.startswith(seen)
    assert len(seen) < min(max(length // 2, 8), 16, length)


@pytest.mark.parametrize("size", [1, 3, 7, 12, 16])
async def test_a_secret_in_the_chunks_of_a_child_process_is_not_in_the_log(tmp_path: Path, size: int) -> None:
    @action("test:child")
    async def child(ctx: ActionContext[dict[str, Any]]) -> None:
        code = f"print('before', {ctx.secrets['tok']!r}, 'after')"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
        assert process.stdout
        while chunk := await process.stdout.read(size):
            ctx.logger.info(chunk.decode())
        await process.wait()

    async with world(tmp_path, child) as w:
        events = await w.run(template({"id": "s", "action": "test:child"}), {}, {"tok": SECRET})
    said = "".join(
        message.removeprefix("info: ") for step, status, message in log(events) if step == "s" and not status
    )
    assert said.startswith("before ")
    assert said.endswith("after\n")
    assert SECRET[8:] not in said
    assert SECRET[:8] not in said
