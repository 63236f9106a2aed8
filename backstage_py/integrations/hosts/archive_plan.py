"""What an archive would put on a disk, decided from the names of its members before anything is written."""

import posixpath
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath

from backstage_py.errors import ForeignError

_MIB = 1024 * 1024
_LONGEST_PART = 255
_LONGEST_NAME = 4096
_MOST_HOPS = 40
"""As Linux follows them."""
_MOST_STEPS = 1_000_000
"""Parts of names that are looked at to follow all links of an archive."""
_HARMLESS_SIZE = 32 * _MIB
"""Up to here no ratio is suspicious: a file of zeros in a small repository."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that an archive may unpack to; sizes in bytes, ``ratio`` as its size unpacked to its size as it came."""

    members: int = 100_000
    size: int = 1024 * _MIB
    ratio: int = 200


class Kind(Enum):
    """What a member is on a disk."""

    FOLDER = "a folder"
    FILE = "a file"
    LINK = "a link"


@dataclass(slots=True)
class Plan:
    """The members of an archive that are wanted: those below ``subpath``, without ``strip`` folders before it.

    Attributes:
        packed: the archive's own size.
        size: what the members claim that were added so far; ``wanted`` only those that are wanted.
    """

    bounds: Bounds
    packed: int
    subpath: str = ""
    strip: int = 0
    members: int = 0
    size: int = 0
    wanted: int = 0
    _kinds: dict[Parts, Kind] = field(default_factory=dict)
    _links: dict[Parts, str] = field(default_factory=dict)

    def parts(self, name: str) -> Parts | None:
        """Return where a member goes, below the folder that is unpacked to; None for one that is not wanted.

        Raises:
            ForeignError: its name leads out of the archive, or no file system takes it.
        """
        parts = [part for part in PurePosixPath(name).parts if part != "."]
        if name.startswith("/") or ".." in parts or "\x00" in name or "\\" in name:
            raise ForeignError(f"The archive has a member that leads out of it: {name!r:.200}")
        if len(name) > _LONGEST_NAME or any(len(part.encode("utf-8", "replace")) > _LONGEST_PART for part in parts):
            raise ForeignError(f"The archive has a member whose name is too long: {name[:80]!r}…")
        folder = [part for part in self.subpath.split("/") if part]
        parts = parts[self.strip :]
        if parts[: len(folder)] != folder or len(parts) == len(folder):
            return None
        return tuple(parts[len(folder) :])

    def add(self, name: str, kind: Kind | None, *, size: int = 0, target: str = "") -> None:
        """Add a member.

        Args:
            name: as the archive has it.
            kind: what it becomes; None for what is left out.
            size: what it claims to unpack to.
            target: of a link.

        Raises:
            ForeignError: see ``parts``; or there are too many, they are too large, or two contradict each other.
        """
        if size < 0:
            raise ForeignError(f"The archive has a member of a negative size: {name!r:.200}")
        self.members += 1
        if self.members > self.bounds.members:
            raise ForeignError(f"The archive holds more than {self.bounds.members} files")
        parts = self.parts(name)
        self.size += size
        self._refuse_bomb()
        if parts is None or kind is None or (kind is Kind.LINK and self.leads_out(parts, target)):
            return
        self.wanted += size
        if self.wanted > self.bounds.size:
            raise ForeignError(f"The archive unpacks to more than {self.bounds.size // _MIB} MiB")
        for length in range(1, len(parts)):
            self._set(parts[:length], Kind.FOLDER, name)
        self._set(parts, kind, name)
        if kind is Kind.LINK and self._links.setdefault(parts, target) != target:
            raise ForeignError(f"The archive has two links of one name: {name!r:.200}")

    @staticmethod
    def leads_out(parts: Parts, target: str) -> bool:
        """Whether a link leads out by its own words; such a link is left out, as in Backstage."""
        if target.startswith("/") or "\x00" in target or len(target) > _LONGEST_NAME:
            return True
        return posixpath.normpath(posixpath.join(*parts[:-1], target)).split("/")[0] == ".."

    def check_links(self) -> None:
        """Follow every link as the file system would, through other links.

        Raises:
            ForeignError: one leads out, or does not end.
        """
        steps = 0
        for link in self._links:
            steps = self._follow(link, steps)

    def _follow(self, link: Parts, steps: int) -> int:
        at, left, hops = list(link[:-1]), self._links[link].split("/")[::-1], 1
        while left:
            steps += 1
            part = left.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                if not at:
                    raise ForeignError(f"The archive has a link that leads out of it: {'/'.join(link)!r:.200}")
                at.pop()
                continue
            at.append(part)
            if (target := self._links.get(tuple(at))) is not None:
                hops += 1
                at.pop()
                left += target.split("/")[::-1]
            if hops > _MOST_HOPS or steps > _MOST_STEPS:
                raise ForeignError(
                    f"The archive has links that lead to each other without end: {'/'.join(link)!r:.200}"
                )
        return steps

    def _set(self, parts: Parts, kind: Kind, name: str) -> None:
        before = self._kinds.setdefault(parts, kind)
        if before is not kind:
            both = f"{before.value} and {kind.value}"
            raise ForeignError(f"The archive has a member that is {both}: {'/'.join(parts)!r:.200} ({name!r:.200})")

    def _refuse_bomb(self) -> None:
        if self.size > max(_HARMLESS_SIZE, self.packed * self.bounds.ratio):
            raise ForeignError(f"The archive unpacks to more than {self.bounds.ratio} times its size; it is refused")
