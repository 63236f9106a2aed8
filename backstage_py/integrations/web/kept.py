"""Answers that are kept beyond this process, to ask a host the next time only whether they have changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer of 200 with its ETag; ``headers`` are those that say how to go on."""

    etag: str
    headers: Mapping[str, str]
    body: bytes


class Keeper(Protocol):
    """Keeps answers."""

    async def find(self, name: str) -> KeptAnswer | None:
        """Return what is kept under a name."""

    async def keep(self, name: str, answer: KeptAnswer) -> None:
        """Keep an answer, or say that it was used again."""


def name(url: str, headers: Mapping[str, str]) -> str:
    """Return what an answer is kept under: who asks with other headers, such as another token, gets another answer."""
    sent = "\n".join(f"{key.lower()}: {value}" for key, value in sorted(headers.items()))
    return f"GET {url} {hashlib.sha256(sent.encode()).hexdigest()}"


def paging(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by which pages are found and counted, and the type of the body."""
    return {key: value for key, value in headers.items() if key in {"link", "content-type"} or key.startswith("x-")}
