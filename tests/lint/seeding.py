"""Puts one fault into a good template, and says in which line: what authors mistype, by kind."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_KEY = re.compile(r"^(?P<lead>\s*(?:- )*)(?P<key>[A-Za-z][\w:]*):(?P<value>\s.*|)$")
_EXPRESSION = re.compile(r"\$\{\{(?P<code>.*?)\}\}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NAMES = """
apiVersion kind metadata spec parameters properties required steps action input output links id if each enum default
pattern ui:field ui:options ui:widget dependencies oneOf items type title description url values enumNames minLength
maxLength entityRef
"""
_KEYS = frozenset(_NAMES.split())
_BELOW = frozenset({"values", "properties", "body", "data"})
"""Keys below which names are the author's own."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A text with one fault; ``line`` counts from 1."""

    kind: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.kind} in line {self.line}: {self.text.splitlines()[self.line - 1].strip()}"


Change = Callable[[str, random.Random], Iterator[str]]
"""What becomes of a line; nothing where the fault does not fit it."""


def faults(text: str, seed: int) -> Iterator[Fault]:
    """Yield faults of every kind in every line where they fit, the same for a seed."""
    dice = random.Random(seed)
    lines = text.split("\n")
    for number in _worth(lines):
        own = _is_own_name(lines, number)
        for kind, change in KINDS.items():
            if own and kind in ("key", "key without colon", "key without space"):
                continue
            for changed in change(lines[number], dice):
                if changed != lines[number]:
                    yield Fault(kind, "\n".join([*lines[:number], changed, *lines[number + 1 :]]), number + 1)


def _worth(lines: list[str]) -> Iterator[int]:
    """Lines that are neither comments nor part of a text of several lines."""
    block: int | None = None
    for number, line in enumerate(lines):
        column = len(line) - len(line.lstrip())
        if not line.strip() or (block is not None and column > block):
            continue
        block = column if re.search(r":\s*[|>][+-]?\d?\s*$", line) else None
        if not line.lstrip().startswith("#"):
            yield number


def _is_own_name(lines: list[str], number: int) -> bool:
    column = len(lines[number]) - len(lines[number].lstrip())
    for line in reversed(lines[:number]):
        above = len(line) - len(line.lstrip())
        if line.strip() and above < column:
            found = _KEY.match(line)
            return found is not None and found["key"] in _BELOW
    return False


def typo(word: str, dice: random.Random) -> str:
    """A letter that is missing, doubled, wrong or swapped with the next."""
    while True:
        at = dice.randrange(len(word))
        before, letter, after = word[:at], word[at], word[at + 1 :]
        other = dice.choice(_LETTERS)
        changed = dice.choice(
            [
                before + after,
                before + letter + letter + after,
                before + other + after,
                before + after[:1] + letter + after[1:],
            ]
        )
        if changed != word and len(changed) > 1 and re.fullmatch(r"[A-Za-z][\w:.-]*[\w]", changed):
            return changed


def _key(line: str, dice: random.Random) -> Iterator[str]:
    if (found := _KEY.match(line)) and found["key"] in _KEYS:
        mark, _, name = found["key"].rpartition(":")
        yield f"{found['lead']}{mark}{':' if mark else ''}{typo(name, dice)}:{found['value']}"


def _value_of(*keys: str) -> Change:
    def change(line: str, dice: random.Random) -> Iterator[str]:
        found = _KEY.match(line)
        if found and found["key"] in keys and re.fullmatch(r"\s[\w:./-]+", found["value"]):
            yield f"{found['lead']}{found['key']}: {typo(found['value'].strip(), dice)}"

    return change


def _in_code(pattern: str) -> Change:
    """A slip in a group of what an expression has."""

    def change(line: str, dice: random.Random) -> Iterator[str]:
        for code in _EXPRESSION.finditer(line):
            for found in re.finditer(pattern, code["code"]):
                start, end = code.start("code") + found.start(1), code.start("code") + found.end(1)
                yield line[:start] + typo(found[1], dice) + line[end:]

    return change


def _rewritten(pattern: str, replacement: str) -> Change:
    def change(line: str, dice: random.Random) -> Iterator[str]:
        yield re.sub(pattern, replacement, line, count=1)

    return change


def _indented(columns: int) -> Change:
    def change(line: str, dice: random.Random) -> Iterator[str]:
        if line.startswith("  ") and not line.lstrip().startswith("- "):
            yield " " * columns + line if columns > 0 else line[-columns:]

    return change


KINDS: dict[str, Change] = {
    "key": _key,
    "kind": _value_of("kind"),
    "apiVersion": _value_of("apiVersion"),
    "action": _value_of("action"),
    "field": _value_of("ui:field"),
    "widget": _value_of("ui:widget"),
    "type of a parameter": _rewritten(r"type: (string|number|boolean|integer|array|object)\b", r"type: \1x"),
    "parameter": _in_code(r"\bparameters\.(\w+)"),
    "step": _in_code(r"\bsteps(?:\.|\[['\"])([\w-]+)"),
    "output": _in_code(r"\.output\.(\w+)"),
    "root": _in_code(r"\b(parameters|steps|user|each|secrets)(?=[.\[])"),
    "filter": _in_code(r"\|\s*(\w+)"),
    "method": _rewritten(r"(\$\{\{ parameters\.\w+) \}\}", r"\1.replaceAll('a', 'b') }}"),
    "expression without end": _rewritten(r"\}\}", "}"),
    "expression without any end": _rewritten(r" \}\}", ""),
    "expression without dollar": _rewritten(r"\$\{\{", "{{"),
    "one equals sign": _rewritten(r"(\$\{\{.*?)===?", r"\1="),
    "foreign or": _rewritten(r"(\$\{\{(?:(?!\}\}).)*?) or ", r"\1 || "),
    "foreign and": _rewritten(r"(\$\{\{(?:(?!\}\}).)*?) and ", r"\1 && "),
    "parenthesis": _rewritten(r"(\$\{\{(?:(?!\}\})[^(])*)\(", r"\1"),
    "condition without braces": _rewritten(r"(if: )\$\{\{ (.*) \}\}", r"\1\2"),
    "quote without end": _rewritten(r"^(\s*[\w:]+: '[^']*)'$", r"\1"),
    "double quote without end": _rewritten(r'^(\s*[\w:]+: "[^"]*)"$', r"\1"),
    "quote inside": _rewritten(r"^(\s*[\w:]+: '\w+)(?=[^']*'$)", r"\1's"),
    "quote in front": _rewritten(r"^(\s*(?:title|description|name): )(?=[A-Za-z])", r"\1'"),
    "colon in a text": _rewritten(r"^(\s*(?:title|description): \w[^:]*)$", r"\1: more"),
    "key without colon": _rewritten(r"^(\s*(?:title|type|action|url|owner)):", r"\1"),
    "key without space": _rewritten(r"^(\s*(?:title|type|action|url|owner)): ", r"\1:"),
    "one column more": _indented(1),
    "one column less": _indented(-1),
    "tab": _rewritten(r"^  +(?=[\w])", "\t"),
    "pattern": _rewritten(r"pattern: .*", "pattern: '[a-z'"),
    "dependencies": _rewritten(r"dependencies: \{.*", "dependencies: [name]"),
    "branches": _rewritten(r"oneOf: \[.*", "oneOf: wrong"),
    "enum": _rewritten(r"enum: \[.*\]", "enum: small"),
    "required": _rewritten(r"required: \[(\w+)", r"required: [\1x"),
    "length": _rewritten(r"maxLength: (\d+)", r"maxLength: '\1'"),
    "flag as text": _rewritten(r"(optional|protectDefaultBranch|replace): (?:true|false)", r"\1: 'yes'"),
    "text as map": _rewritten(r"(repoUrl|catalogInfoPath|message|targetPath|defaultBranch): .*", r"\1: {a: b}"),
    "value of a choice": _rewritten(r"repoVisibility: private", "repoVisibility: secret"),
    "input": _rewritten(r"^( +)(catalogInfoPath|repoVisibility|targetPath|defaultBranch|message):", r"\1\2x:"),
    "option of a picker": _rewritten(r"allowedHosts:", "allowedHost:"),
}
