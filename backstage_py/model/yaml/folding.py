"""Breaking long scalars over lines, where the JS package `yaml` breaks them.

Texts are in UTF-16 units here (one Python character per unit), since that is how JavaScript counts a width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from backstage_py.model.yaml.style import DEFAULT, Style

_BREAK_AFTER = frozenset(" \n\t")

Mode = Literal["flow", "block", "quoted"]


@dataclass(slots=True)
class _Folder:
    text: str
    indent: int
    mode: Mode
    step: float
    end: float
    folds: list[int]
    escaped: set[int]
    overflow: bool = False


def fold(
    text: str,
    indent: str,
    mode: Mode,
    *,
    indent_at_start: int | None = None,
    on_overflow: Callable[[], None] | None = None,
    style: Style = DEFAULT,
) -> str:
    """Breaks at spaces so that lines stay within a width; quoted texts may break anywhere, with a backslash.

    Args:
        text: one scalar, its own line breaks included.
        indent: what every further line starts with.
        mode: which breaks keep the meaning.
        indent_at_start: width of what already stands on the first line.
        on_overflow: called if a line could not be kept short.
        style: says the width, and the least that deep indentation leaves.
    """
    width = style.line_width
    if not width or width < 0:
        return text
    least = 0 if width < style.min_content_width else style.min_content_width
    step = max(1 + least, 1 + width - len(indent))
    if len(text) <= step:
        return text
    folder = _Folder(text, len(indent), mode, step, width - len(indent), [], set())
    if indent_at_start is not None:
        if indent_at_start > width - max(2, least):
            folder.folds.append(0)
        else:
            folder.end = width - indent_at_start
    if not _scan(folder):
        return text
    if folder.overflow and on_overflow is not None:
        on_overflow()
    return _assemble(folder, indent)


def _scan(folder: _Folder) -> bool:
    """Finds the places to break; False if the escapes leave no room for any."""
    text, size = folder.text, len(folder.text)
    split = -1
    previous = ""
    i = -1
    escape_start = escape_end = -1
    if folder.mode == "block":
        i = _skip_deeper(text, i, folder.indent)
        if i != -1:
            folder.end = i + folder.step
    while (i := i + 1) < size:
        ch = text[i]
        if folder.mode == "quoted" and ch == "\\":
            escape_start = i
            i += {"x": 3, "u": 5, "U": 9}.get(text[i + 1 : i + 2], 1)
            escape_end = i
        if ch == "\n":
            if folder.mode == "block":
                i = _skip_deeper(text, i, folder.indent)
            folder.end = i + folder.indent + folder.step
            split = -1
        else:
            after = text[i + 1 : i + 2]
            if ch == " " and previous and previous not in _BREAK_AFTER and after and after not in _BREAK_AFTER:
                split = i
            if i >= folder.end:
                if split > 0:
                    folder.folds.append(split)
                    folder.end = split + folder.step
                    split = -1
                elif folder.mode == "quoted":
                    while previous in {" ", "\t"}:
                        previous = ch
                        i += 1
                        ch = text[i : i + 1]
                        folder.overflow = True
                    at = i - 2 if i > escape_end + 1 else escape_start - 1
                    if at in folder.escaped:
                        return False
                    folder.folds.append(at)
                    folder.escaped.add(at)
                    folder.end = at + folder.step
                    split = -1
                else:
                    folder.overflow = True
        previous = ch
    return True


def _assemble(folder: _Folder, indent: str) -> str:
    text, folds = folder.text, folder.folds
    if not folds:
        return text
    result = text[: folds[0]]
    for n, at in enumerate(folds):
        end = folds[n + 1] if n + 1 < len(folds) else len(text)
        if at == 0:
            result = f"\n{indent}{text[:end]}"
        else:
            if folder.mode == "quoted" and at in folder.escaped:
                result += text[at] + "\\"
            result += f"\n{indent}{text[at + 1 : end]}"
    return result


def _skip_deeper(text: str, at: int, indent: int) -> int:
    """Offset of the last line break among lines that are indented more, which must not be folded."""
    end, start = at, at + 1
    ch = text[start : start + 1]
    while ch in {" ", "\t"}:
        if at < start + indent:
            at += 1
            ch = text[at : at + 1]
        else:
            newline = text.find("\n", at + 1)
            end = at = newline if newline != -1 else len(text)
            start = at + 1
            ch = text[start : start + 1]
    return end
