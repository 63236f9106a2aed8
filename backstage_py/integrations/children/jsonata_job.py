"""What runs in the child process of ``jsonata``: evaluate one expression within a bound of depth and result.

Regular expressions run on RE2, in time linear in the text.
"""

import sys

from backstage_py.js import regex
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject

_DEEPEST = 500
_LARGEST_RESULT = 4 * 1024 * 1024
_STACK_FRAMES = 20_000


def main() -> None:
    """Read the job from standard input and write the result; errors go to standard error, one line."""
    job = json.parse(sys.stdin.buffer.read())
    sys.setrecursionlimit(_STACK_FRAMES)
    try:
        sys.stdout.buffer.write(_evaluate(job))
    except MemoryError:
        _fail("MemoryError")
    except RecursionError:
        _fail("The expression is nested or recurses too deeply")
    except Exception as error:  # noqa: BLE001  # the edge of a process: whatever it was, its words are the answer
        _fail(str(error) or type(error).__name__)


def _evaluate(job: JsonObject) -> bytes:
    from jsonata import Jsonata  # type: ignore[import-untyped]  # it publishes no types; this is its only importer
    from jsonata.functions import Functions  # type: ignore[import-untyped]  # as above

    class Unescaped(Functions.Encoder):  # type: ignore[misc]  # as above
        """Writes letters as they are, as ``$string`` of the JS package does."""

        def __init__(self, **options: Json) -> None:
            super().__init__(**{**options, "ensure_ascii": False})

    Functions.Encoder = Unescaped
    bound = int(job["seconds"] * 1000)
    expression = Jsonata(job["expression"], regex_engine=_regex, timeout=bound, stack=_DEEPEST)
    result = json.dumps(json.normalise(_plain(expression.evaluate(job["data"]), 0)))
    if len(result) > _LARGEST_RESULT:
        raise ValueError(f"The result is larger than {_LARGEST_RESULT // (1024 * 1024)} MiB")
    return result


def _plain(value: Json, depth: int) -> Json:
    """Return the value without the list classes of the engine; a function is no JSON and becomes null, in lists too."""
    if depth > _DEEPEST:
        raise ValueError(f"The result is nested more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        return {str(name): _plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else None


def _regex(pattern: str, flags: Json) -> Json:
    return regex.linear(pattern, ignore_case=flags.case_insensitive, multiline=flags.multiline)


def _fail(message: str) -> None:
    sys.stderr.write(" ".join(message.split()))
    sys.exit(1)
