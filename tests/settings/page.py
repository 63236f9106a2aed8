"""Writes ``docs/configuration.md`` of the described keys: ``python -m tests.settings.page > docs/configuration.md``."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from backstage_py.settings import known, show
from backstage_py.settings.known import Node
from backstage_py.settings.sections import AuthSettings, Settings

_HEAD = (Path(__file__).parent / "page_head.md").read_text(encoding="utf-8")


def page() -> str:
    """Return the page."""
    defaults = {key: value for cls in (Settings, AuthSettings) for key, value in show.defaults(cls)}
    parts = [_HEAD]
    for name, node in sorted(known.tree().names.items()):
        rows = list(_rows(name, node, defaults))
        if rows:
            parts.append(f"\n## {name}\n\n| key | default | what it does |\n| --- | --- | --- |\n" + "".join(rows))
    parts.append("\n## Not read here\n\n| key | reason |\n| --- | --- |\n" + "".join(sorted(_unread("", known.tree()))))
    return "".join(parts)


def _rows(path: str, node: Node, defaults: dict[str, object]) -> Iterator[str]:
    if node.key and node.key.words and not node.is_unread:
        default = f"`{json.dumps(defaults[path], ensure_ascii=False)}`" if path in defaults else ""
        yield f"| `{path}` | {_cell(default)} | {_cell(node.key.words)} |\n"
    for name, below in _below(path, node):
        yield from _rows(name, below, defaults)


def _unread(path: str, node: Node) -> Iterator[str]:
    if node.is_unread and node.key:
        reason = node.key.without_effect or f"{node.key.owner} reads it"
        yield f"| `{path}` | {_cell(reason)} |\n"
    for name, below in _below(path, node):
        yield from _unread(name, below)


def _below(path: str, node: Node) -> Sequence[tuple[str, Node]]:
    named = [(f"{path}.{name}".removeprefix("."), below) for name, below in sorted(node.names.items())]
    if node.any:
        named.append((f"{path}.*", node.any))
    return [*named, *([(f"{path}[]", node.items)] if node.items else [])]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(page())
