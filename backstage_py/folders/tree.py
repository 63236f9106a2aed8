"""What a folder holds, at a glance: names and the marks by which a change of a file is noticed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Mark(NamedTuple):
    """What ``stat`` says of a file; another content has another mark, unless it came within one tick of a clock."""

    inode: int
    size: int
    mode: int
    modified: int
    changed: int


@dataclass(slots=True)
class Tree:
    """Folders, links (with their targets) and files below a folder, by their paths relative to it.

    Pipes, sockets and devices are not part of it.
    """

    folders: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    files: dict[str, Mark] = field(default_factory=dict)


def look(root: str) -> Tree:
    """Return what is below a folder; no link is followed."""
    tree = Tree()
    left = [""]
    while left:
        below = left.pop()
        for entry, path in _entries(root, below):
            if entry.is_symlink():
                tree.links[path] = os.readlink(entry.path)  # noqa: PTH115  # as text, which a Path would tidy up
            elif entry.is_dir(follow_symlinks=False):
                tree.folders.append(path)
                left.append(path)
            elif entry.is_file(follow_symlinks=False):
                tree.files[path] = mark(entry.stat(follow_symlinks=False))
    tree.folders.sort()
    return tree


def mark(found: os.stat_result) -> Mark:
    """Return the mark of a file."""
    return Mark(found.st_ino, found.st_size, found.st_mode & 0o7777, found.st_mtime_ns, found.st_ctime_ns)


def _entries(root: str, below: str) -> Iterator[tuple["os.DirEntry[str]", str]]:
    prefix = f"{below}/" if below else ""
    with os.scandir(f"{root}/{below}") as found:
        for entry in found:
            yield entry, prefix + entry.name
