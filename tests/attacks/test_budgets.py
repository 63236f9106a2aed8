"""Nobody gets more work out of the service than a budget gives, and what is heavy leaves the event loop free."""

from pathlib import Path
from typing import Any

import pytest

from backstage_py.plugin import ActionContext, action
from tests.scaffolder.harness import GUEST, template, world


@action("test:say", dry_run=True)
def say(ctx: ActionContext[dict[str, Any]]) -> None:
    ctx.logger.info(ctx.input["text"])


def body(entity: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"template": entity, "values": {}, "directoryContents": [], **more}


def logged(text: str, secrets: dict[str, str]) -> dict[str, Any]:
    """A dry run that logs a text."""
    step = {"id": "s", "action": "test:say", "input": {"text": text}}
    return body(template(step), secrets=secrets)


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("a" * 3_000_000, ["a" * 50_000]),
        ("a" * 3_000_000 + "b", ["a" * 50_000 + "b" + "a" * 50_000, "a" * 10 + "b"]),
        ("ab" * 1_000_000, ["ab" * length for length in range(2, 502)]),
        ("0123456789" * 200_000, [("0123456789" * 4)[start : start + 20] for start in range(10)]),
    ],
    ids=["periodic", "nearly", "nested", "overlapping"],
)
async def test_masking_takes_time_and_memory_by_the_length_of_the_text(
    tmp_path: Path, text: str, secrets: list[str]
) -> None:
    """A search that goes on a character at a time, or keeps each occurrence, does not end within the test's time."""
    async with world(tmp_path, say, start=False) as w:
        sent = logged(text, {str(number): one for number, one in enumerate(secrets)})
        answer = await w.scaffolder.service.dry_run(sent, GUEST)
    said = [entry["body"]["message"] for entry in answer["log"]]
    assert [message for message in said if message.endswith("***")]
    assert not [message for message in said if any(secret in message for secret in secrets)]
