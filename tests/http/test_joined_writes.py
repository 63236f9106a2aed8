"""What an answer is written in: one piece for one turn of the event loop, in order, bounded."""

import asyncio
from collections.abc import Iterable
from typing import Any

from backstage_py.http.joined_writes import JoinedWrites


class Wire(asyncio.Transport):
    """Keeps what is sent, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.sent.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def get_write_buffer_size(self) -> int:
        return 0


def joined() -> tuple[JoinedWrites, Wire]:
    wire = Wire()
    return JoinedWrites(wire, asyncio.get_running_loop()), wire


async def test_head_and_body_are_one_piece() -> None:
    out, wire = joined()
    out.write(b"head")
    out.write(b"body")
    assert (wire.sent, out.get_write_buffer_size()) == ([], 8)
    await asyncio.sleep(0)
    out.write(b"more")
    await asyncio.sleep(0)
    assert wire.sent == [b"headbody", b"more"]


async def test_much_is_sent_at_once_so_that_the_writer_learns_of_a_slow_client() -> None:
    out, wire = joined()
    out.write(b"head")
    out.write(b"b" * 64 * 1024)
    out.write(b"end")
    assert [len(piece) for piece in wire.sent] == [4 + 64 * 1024]
    out.flush()
    await asyncio.sleep(0)
    assert wire.sent[1:] == [b"end"]


async def test_closing_sends_what_was_written_and_aborting_does_not() -> None:
    out, wire = joined()
    out.writelines([b"a", b"b"])
    out.close()
    assert (wire.sent, wire.is_closed) == ([b"ab"], True)
    out, wire = joined()
    out.write(b"a")
    out.abort()
    await asyncio.sleep(0)
    assert (wire.sent, wire.is_closed) == ([], True)
