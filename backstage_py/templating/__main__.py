"""``python -m backstage_py.templating --jsonl``: one engine over many cases, from standard input to output.

Each line is ``{"id", "mode": "value" | "file", "source", "context", "options"}``; each answer
``{"id", "value"}``, ``{"id", "undefined": true}`` or ``{"id", "error": {"message", "line", "column"}}``, in order.
Values know ``always()`` and ``failure()`` and files do not, as in Backstage. Options are ``trimBlocks``,
``lstripBlocks`` and ``cookiecutterCompat``, and for values ``coercion``: "json", as Backstage renders steps, or "none".
"""

import json
import re
import sys
from typing import IO

from backstage_py.templating.engine import (
    UNDEFINED,
    JsMap,
    Json,
    JsSet,
    Renderer,
    TemplateError,
    TemplateSyntaxError,
    backstage_renderer,
)

_USAGE = "usage: python -m backstage_py.templating --jsonl < cases.jsonl\n"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Cases:
    """Answers cases with renderers that are made once for each set of options."""

    def __init__(self) -> None:
        self._renderers: dict[tuple[bool, bool, bool, bool], Renderer] = {}

    def answer(self, case: dict[str, Json]) -> dict[str, Json]:
        """The answer to one case."""
        identity = case.get("id")
        try:
            value = self._render(case)
        except TemplateError as error:
            return {"id": identity, "error": _described(error)}
        return {"id": identity, "undefined": True} if value is UNDEFINED else {"id": identity, "value": value}

    def _render(self, case: dict[str, Json]) -> Json:
        options = case.get("options") or {}
        source, context = case.get("source"), case.get("context") or {}
        if not isinstance(source, str) or not isinstance(context, dict) or not isinstance(options, dict):
            raise TemplateSyntaxError('A case needs a text "source", and records as "context" and "options"')
        if case.get("mode", "value") == "file":
            return self._renderer(options, for_steps=False).render(source, context)
        renderer = self._renderer(options, for_steps=True)
        return renderer.render_value(source, context, coercion=options.get("coercion", "none"))

    def _renderer(self, options: dict[str, Json], *, for_steps: bool) -> Renderer:
        names = ("cookiecutterCompat", "trimBlocks", "lstripBlocks")
        key = (bool(options.get(names[0])), bool(options.get(names[1])), bool(options.get(names[2])), for_steps)
        if key not in self._renderers:
            self._renderers[key] = backstage_renderer(
                extra_globals={"always": lambda *_: True, "failure": lambda *_: False} if for_steps else {},
                cookiecutter_compat=key[0],
                trim_blocks=key[1],
                lstrip_blocks=key[2],
            )
        return self._renderers[key]


def _described(error: TemplateError) -> dict[str, Json]:
    described: dict[str, Json] = {"message": error.message, "line": error.line, "column": error.column}
    if error.hint:
        described["hint"] = error.hint
    return described


def _collection(value: Json) -> Json:
    """A Map or Set as JSON.stringify writes it."""
    if isinstance(value, JsMap | JsSet):
        return {}
    raise TypeError(type(value).__name__)


def _line(answer: dict[str, Json]) -> str:
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=_collection)
    if not text.isascii():
        text = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text + "\n"


def _parse_int(digits: str) -> int | float:
    """An integer of any length, with JavaScript's negative zero."""
    if digits == "-0":
        return -0.0
    return int(digits) if len(digits) < 400 else float(digits)  # noqa: PLR2004 - Python refuses very long ones


def run(lines: IO[bytes], output: IO[bytes]) -> None:
    """Answers each line as soon as it is read."""
    cases = Cases()
    for line in lines:
        if not line.strip():
            continue
        try:
            case = json.loads(line.decode("utf-8", "surrogatepass"), parse_int=_parse_int)
        except ValueError as error:
            answer: dict[str, Json] = {
                "id": None,
                "error": {"message": f"The line is no JSON: {error}", "line": 1, "column": 1},
            }
        else:
            answer = (
                cases.answer(case)
                if isinstance(case, dict)
                else {"id": None, "error": {"message": "The line is no record", "line": 1, "column": 1}}
            )
        output.write(_line(answer).encode("utf-8"))
        output.flush()


def main(arguments: list[str]) -> int:
    """The exit status: 2 for wrong arguments."""
    if arguments != ["--jsonl"]:
        sys.stderr.write(_USAGE)
        return 2
    run(sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
