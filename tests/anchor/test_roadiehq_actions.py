"""The actions ``roadiehq:utils:*`` leave the files and outputs that the package of that name leaves."""

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import BackstageError
from backstage_py.plugin import load_plugins
from backstage_py.testing import ActionRunner
from tests.anchor.harness import node

_CASES = min(int(os.environ.get("BACKSTAGE_PY_EXAMPLES", "150")), 500)
_PACKAGE = "@roadiehq/scaffolder-backend-module-utils"
_YAML = (
    "a: 1\nb:\n  - x\n  - y # why\n",
    "# head\nname: demo\nlabels: {team: a, 'q': \"b\"}\n",
    "list:\n- a\n- b\nnested:\n    deep:\n        n: 010\n",
    "text: |\n  one\n  two\nflag: yes\nnone: ~\n",
    "a: 1\n---\nb: 2\n",
    "[1, 2]\n",
    "just text\n",
    "",
    "a: [\n",
)
# Not among them: letters beyond 16 bits, of which JavaScript sees halves, and aliases, which the package writes again.
_JSON = (
    '{"a": 1, "b": [1, 2, {"c": null}]}',
    '{\n    "a": {"x": 1.50, "y": 1e3}\n}\n',
    "[]",
    "{",
    '"text"',
    "{}",
    "\ufeff{}",
)
_TEXTS = ("hello", "", "a.b.c a.b\n", "price: $5 $& $1\n", "ünïcödé\n", "line\r\nline\r\n", "{{ x }}")
_PATTERNS = ("a.b", "l+", "(l)(o)", "^h", "o$", "[aeiou]", "\\d+", ".", "x|y", "(?<n>l)")
_WITH = ("X", "$&$&", "[$1]", "$$", "$<n>", "$2$1", "$`|$'", "é")
_EXPRESSIONS = (
    "a",
    "$",
    "b[0]",
    "$sum([1,2,3])",
    "$keys($)",
    "a + 1",
    "missing",
    "$string(a) & 'x'",
    "$merge([$, {'z': 1}])",
    "b[x",
    "$exists(a) ? 'yes' : 'no'",
    "$map([1..3], function($n){$n*2})",
    "{'k': a}",
)


_IDS = (
    *("fs:write", "fs:append", "fs:parse", "fs:replace", "merge", "json:merge", "serialize:json", "serialize:yaml"),
    *("jsonata", "jsonata:json:transform", "jsonata:yaml:transform"),
)
_STRICTER = (
    "The content cannot be merged: ",  # a list with an object and the like: the package writes one of the two, or a mix
    "YamlError: ",  # a broken file: the package goes on with what its parser makes of it
)
"""Where ours refuses what the package takes, and why."""


class Original:
    """The package, in a Node process."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("roadiehq.cjs")
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
        self.process = subprocess.Popen([node(), str(script)], **pipes)

    def run(self, folder: Path, action: str, given: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"folder": str(folder), "action": action, "input": given}) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@pytest.fixture(scope="module")
def original() -> Iterator[Original]:
    if not (Path(os.environ["BACKSTAGE_PY_ANCHOR"]) / "node_modules" / _PACKAGE).is_dir():
        pytest.skip(f"the npm package {_PACKAGE} is missing in BACKSTAGE_PY_ANCHOR")
    running = Original()
    yield running
    assert running.process.stdin
    assert running.process.stdout
    running.process.stdin.close()
    running.process.stdout.close()
    running.process.wait()


def value(dice: random.Random, depth: int = 3) -> Any:
    """Return some JSON."""
    kinds: list[Callable[[], Any]] = [
        lambda: dice.choice(
            ["x", "", "yes", "010", "a: b", "multi\nline", "# no comment", " pad ", "ü", "null", "1.0", "'q'"]
        ),
        lambda: dice.choice([0, 1, -7, 1.5, 1e21, 123456789012]),
        lambda: dice.choice([True, False, None]),
    ]
    if depth:
        kinds += [
            lambda: [value(dice, depth - 1) for _ in range(dice.randrange(4))],
            lambda: {
                dice.choice("abcdé") + dice.choice(["", "-x", " y", "1"]): value(dice, depth - 1)
                for _ in range(dice.randrange(4))
            },
        ] * 2
    return dice.choice(kinds)()


def members(dice: random.Random) -> dict[str, Any]:
    return {name: value(dice, 2) for name in dice.sample(["a", "b", "list", "name", "new key"], dice.randrange(1, 4))}


def case(dice: random.Random) -> tuple[dict[str, str], str, dict[str, Any]]:
    """Return files, an action's id and its input."""
    files = {
        "a.json": dice.choice(_JSON),
        "a.yaml": dice.choice(_YAML),
        "t.txt": dice.choice(_TEXTS),
        "d/t.txt": dice.choice(_TEXTS),
        "d/.hidden": "hello",
    }
    action = dice.choice(_IDS)
    given: dict[str, Any]
    match action:
        case "fs:write":
            text = dice.choice([*_TEXTS, *_JSON, *_YAML])
            given = {"path": dice.choice(["n.txt", "x/y/n.txt", "t.txt", "../n.txt"]), "content": text}
            given |= dice.choice([{}, {"preserveFormatting": True}])
        case "fs:append":
            given = {"path": dice.choice(["n.txt", "t.txt", "no/n.txt"]), "content": dice.choice(_TEXTS)}
        case "fs:parse":
            parser, path = dice.choice(
                [("json", "a.json"), ("yaml", "a.yaml"), ("multiyaml", "a.yaml"), (None, "t.txt")]
            )
            given = {"path": path} | ({"parser": parser} if parser else {})
        case "fs:replace":
            file: dict[str, Any] = {
                "file": dice.choice(["t.txt", "**/*.txt", "d/*", "./t.txt", "none.txt"]),
                "find": dice.choice(["l", "hello", "a.b"]),
            }
            if dice.random() < 0.6:
                file |= {"find": dice.choice(_PATTERNS), "matchRegex": True}
            given = {"files": [file | {"replaceWith": dice.choice(_WITH), "includeDotFiles": dice.random() < 0.3}]}
        case "merge" | "json:merge":
            path = "a.json" if action == "json:merge" else dice.choice(["a.json", "a.yaml"])
            content = members(dice)
            given = {"path": path, "content": dice.choice([content, json.dumps(content)])}
            given |= {key: True for key in ("mergeArrays", "matchFileIndent") if dice.random() < 0.4}
        case "serialize:json":
            given = {"data": value(dice)} | dice.choice(
                [{}, {"space": "  "}, {"space": "\t"}, {"replacer": ["a", "b"]}]
            )
        case "serialize:yaml":
            given = {"data": value(dice)}
            given |= dice.choice(
                [
                    {},
                    {
                        "options": dice.choice(
                            [{"indent": 4}, {"lineWidth": 20}, {"sortMapEntries": True}, {"noRefs": True}]
                        )
                    },
                ]
            )
        case "jsonata":
            given = {"data": members(dice), "expression": dice.choice(_EXPRESSIONS)}
        case _:
            path = "a.json" if "json:" in action else "a.yaml"
            given = {"path": path, "expression": dice.choice(_EXPRESSIONS)} | dice.choice(
                [{}, {"as": "string"}, {"as": "object"}]
            )
    return files, f"roadiehq:utils:{action}", given


def shown(folder: Path, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with the files, and without the folder's own name."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
    output = json.loads(json.dumps(answer.get("output", {})).replace(str(folder), "."))
    return {"failed": "error" in answer, "output": {} if "error" in answer else output, "files": files}


@pytest.mark.parametrize("seed", range(_CASES))
def test_files_and_outputs_are_those_of_the_package(seed: int, tmp_path: Path, original: Original) -> None:
    files, action, given = case(random.Random(seed))
    theirs, runner = tmp_path / "theirs", ActionRunner(tmp_path / "ours")
    for path, text in files.items():
        (theirs / path).parent.mkdir(parents=True, exist_ok=True)
        (theirs / path).write_bytes(text.encode())
        runner.write(path, text)
    wanted = original.run(theirs, action, given)
    try:
        found: dict[str, Any] = {"output": runner(_ACTIONS.get(action), given).outputs}
    except BackstageError as error:
        found = {"error": error.message}
    if str(found.get("error", "")).startswith(_STRICTER):
        return
    assert shown(runner.workspace, found) == shown(theirs, wanted), (action, given, wanted, found)


_ACTIONS = load_plugins().actions
