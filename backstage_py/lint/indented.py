"""A text as its indentation shows it: which keys are around a place and beside it, though it may be half written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

KEY = re.compile(r"^(?P<indent>\s*(?:- +)*)(?P<key>[\w:.-]+):(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Indented:
    """The lines of a text; lines and columns count from 0, columns in characters."""

    text: str

    def line(self, number: int) -> str:
        """Return a line without its end; empty where there is none."""
        lines = self.text.split("\n")
        return lines[number].rstrip("\r") if 0 <= number < len(lines) else ""

    def surroundings(self, line: int, indent: int) -> tuple[str | None, str | None, set[str]]:
        """Return the key above, the action of the step around, and the keys beside, by indentation alone."""
        lines = self.text.split("\n")
        siblings = {found["key"] for found in map(KEY.match, lines) if found and len(found["indent"]) == indent}
        parent, level, action = None, indent, None
        for number in range(min(line, len(lines)) - 1, -1, -1):
            found = KEY.match(lines[number])
            if not found:
                continue
            column = len(found["indent"])
            if column < level:
                level = column
                parent = parent or found["key"]
                action = action or self._action_beside(lines, number, column)
            if found["key"] == "steps" and column < level:
                break
        return (
            parent if parent in ("input", "steps") else _step_list(parent, action),
            action,
            self._beside(line, indent, siblings),
        )

    def above(self, line: int, indent: int) -> list[str]:
        """Return the keys around a place, the innermost first."""
        lines = self.text.split("\n")
        found: list[str] = []
        for number in range(min(line, len(lines)) - 1, -1, -1):
            key = KEY.match(lines[number])
            if key and len(key["indent"]) < indent:
                indent = len(key["indent"])
                found.append(key["key"])
        return found

    def pairs_around(self, line: int, indent: int) -> Iterator[tuple[str, str]]:
        """Yield keys and written values of the map that holds the key above a place."""
        lines = self.text.split("\n")
        start = next(
            number
            for number in range(min(line, len(lines)) - 1, -1, -1)
            if (key := KEY.match(lines[number])) and len(key["indent"]) < indent
        )
        level = len(KEY.match(lines[start])["indent"])  # type: ignore[index]  # it was found by that
        for step in (-1, 1):
            number = start + step
            while 0 <= number < len(lines):
                key = KEY.match(lines[number])
                if key and len(key["indent"]) < level:
                    break
                if key and len(key["indent"]) == level:
                    yield key["key"], lines[number][key.end() :].strip().strip("'\"")
                number += step

    def is_item(self, line: int, indent: int) -> bool:
        """Say whether the keys at ``indent`` belong to an item of a list, which begins above."""
        lines = self.text.split("\n")
        for number in range(min(line, len(lines)) - 1, -1, -1):
            key = KEY.match(lines[number])
            column = len(key["indent"]) if key else indent + 1
            if key and (column < indent or (column == indent and "-" in key["indent"])):
                return column == indent
        return False

    def list_around(self, line: int, indent: int) -> str | None:
        """Return the key of the list to which an item belongs whose first key stands at ``indent``."""
        lines = self.text.split("\n")
        for number in range(min(line, len(lines)) - 1, -1, -1):
            key = KEY.match(lines[number])
            if key and "-" not in key["indent"] and len(key["indent"]) < indent:
                return key["key"]
        return None

    def _beside(self, line: int, indent: int, candidates: set[str]) -> set[str]:
        """The keys of the same map: upwards to the dash that begins it, downwards to the next one."""
        lines = self.text.split("\n")
        found: set[str] = set()
        for step in (-1, 1):
            number = line + step
            while 0 <= number < len(lines):
                key = KEY.match(lines[number])
                column, begins = (len(key["indent"]), "-" in key["indent"]) if key else (indent + 1, False)
                if column < indent or (step > 0 and begins and column == indent):
                    break
                if key and column == indent:
                    found.add(key["key"])
                if begins and column == indent:
                    break
                number += step
        return found & candidates

    @staticmethod
    def _action_beside(lines: list[str], line: int, indent: int) -> str | None:
        """The action among the keys of the same step: upwards to its dash, downwards to the next one."""
        for step in (-1, 1):
            number = line if step < 0 else line + 1
            while 0 <= number < len(lines):
                found = KEY.match(lines[number])
                if found:
                    column = len(found["indent"])
                    if column < indent or (step > 0 and column == indent and "-" in found["indent"]):
                        break
                    if column == indent and found["key"] == "action":
                        return lines[number][found.end() :].strip().strip("'\"")
                    if step < 0 and column == indent and "-" in found["indent"]:
                        break
                number += step
        return None


def _step_list(parent: str | None, action: str | None) -> str | None:
    return "steps" if action is not None and parent in ("id", "name", "action", "if", "each") else parent
