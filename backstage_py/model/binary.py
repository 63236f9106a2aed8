"""Which files are binary, decided as the npm package ``isbinaryfile`` 5 decides it.

Its rules are not obvious (a few odd bytes among text, marks of Unicode encodings, PDF, Protocol Buffers), and they
decide whether a file of a skeleton is rendered, so they are followed exactly; held by a test against the package.
"""

_SCANNED = 512
_RESERVE = 3
_NEVER_BINARY = (b"\xef\xbb\xbf", b"\x00\x00\xfe\xff", b"\xff\xfe\x00\x00", b"\x84\x31\x95\x33")
_UTF16 = (b"\xfe\xff", b"\xff\xfe")
_PLAIN = bytes(byte for byte in range(256) if 7 <= byte <= 14 or 32 <= byte <= 127)  # noqa: PLR2004  # text in ASCII
DECISIVE = _SCANNED + _RESERVE
"""How many bytes at the beginning of a file decide."""

_DECIDED_AFTER = 32
_MOST_SUSPICIOUS_PERCENT = 10
_INT32 = 1 << 32


def is_binary(content: bytes) -> bool:
    """Tell whether a file with this content (its first ``DECISIVE`` bytes suffice) is copied instead of rendered."""
    head = content[:DECISIVE]
    if not head or head.startswith(_NEVER_BINARY):
        return False
    if head.startswith(b"%PDF-"):
        return True
    if head.startswith(_UTF16):
        return False
    scanned = min(len(head), _SCANNED)
    if not head[:scanned].translate(None, _PLAIN):
        return False
    suspicious = _suspicious_bytes(head, scanned)
    if suspicious is None or suspicious * 100 / scanned > _MOST_SUSPICIOUS_PERCENT:
        return True
    return suspicious > 1 and _is_protobuf(head[:scanned])


def _suspicious_bytes(head: bytes, scanned: int) -> int | None:
    """Count bytes that are neither ASCII text nor part of a UTF-8 sequence; None when that alone settles it."""
    count, at = 0, 0
    while at < scanned:
        byte = head[at]
        if byte == 0:
            return None
        if byte not in _PLAIN:
            at, is_text = _after_sequence(head, at)
            if not is_text:
                count += 1
                if at >= _DECIDED_AFTER and count * 100 / scanned > _MOST_SUSPICIOUS_PERCENT:
                    return None
        at += 1
    return count


def _after_sequence(head: bytes, at: int) -> tuple[int, bool]:
    """Return the last position that was looked at, and whether a UTF-8 sequence ended there.

    A broken sequence has consumed its second byte as well, which is a property of the package.
    """
    lead = head[at]
    if 0xC0 <= lead <= 0xDF:  # noqa: PLR2004  # lead bytes of UTF-8
        length = 2
    elif 0xE0 <= lead <= 0xEF:  # noqa: PLR2004  # as above
        length = 3
    elif 0xF0 <= lead <= 0xF7:  # noqa: PLR2004  # as above
        length = 4
    else:
        return at, False
    rest = head[at + 1 : at + length]
    if len(rest) < length - 1:
        return at, False
    if all(0x80 <= byte <= 0xBF for byte in rest):  # noqa: PLR2004  # continuation bytes
        return at + length - 1, True
    return at + 1, False


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.failed = False

    def byte(self) -> int:
        if self.at == len(self.content) or self.failed:
            self.failed = True
            return 0xFF
        self.at += 1
        return self.content[self.at - 1]

    def skip(self, count: int) -> None:
        if count > len(self.content) - self.at:
            self.at, self.failed = len(self.content), True
        elif count > 0:
            self.at += count

    def varint(self) -> int:
        """Read a number with JavaScript's 32 bit shifts."""
        value, index = 0, 0
        while not self.failed:
            byte = self.byte()
            value |= ((byte & 0x7F) << ((7 * index) % 32)) % _INT32
            if not byte & 0x80:
                break
            if index >= 10:  # noqa: PLR2004  # a varint has at most 10 bytes
                self.failed = True
                break
            index += 1
        return value - _INT32 if value >= _INT32 // 2 else value


def _is_protobuf(content: bytes) -> bool:
    reader, messages = _Reader(content), 0
    while True:
        if not _message(reader) and not reader.failed:
            return False
        if reader.failed:
            return messages > 0
        messages += 1


def _message(reader: _Reader) -> bool:
    match reader.varint() & 0x7:
        case 0:
            reader.varint()
        case 1:
            reader.skip(8)
        case 2:
            reader.skip(reader.varint())
        case 5:
            reader.skip(4)
        case _:
            return False
    return True
