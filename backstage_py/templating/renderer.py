"""Renderers: a set of filters, globals and options that templates are rendered with."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeVar

from backstage_py.js import budget, numbers
from backstage_py.js.convert import printed
from backstage_py.js.errors import Failure, LimitFailure
from backstage_py.js.json_text import stringify
from backstage_py.js.text import length
from backstage_py.js.values import UNDEFINED, Json, Undefined, Value
from backstage_py.templating import parser
from backstage_py.templating.cache import SizedCache
from backstage_py.templating.compiler import Compiler, Program
from backstage_py.templating.context import PreparedContext
from backstage_py.templating.exchange import RESERVED, clone, export_value, import_value
from backstage_py.templating.functions import BUILTINS, HostFunction
from backstage_py.templating.lexer import has_code
from backstage_py.templating.limits import Limits
from backstage_py.templating.nodes import Body
from backstage_py.templating.positions import error_for
from backstage_py.templating.runtime import State

Filter = Callable[..., Json]
"""A filter of a plugin: takes the input and its arguments as plain JSON (or UNDEFINED), returns JSON or UNDEFINED."""

Global = Json | Callable[..., Json]
"""A global of a plugin: JSON, or a function like a filter."""

Coercion = Literal["none", "json"]
"""How ``render_value`` finds a type: see there."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SAME_IN_JSON = frozenset({str, bool, int, type(None)})  # most values are
_CACHE_SIZE = 32 * 1024 * 1024
_Result = TypeVar("_Result")


class Template(NamedTuple):
    """A parsed and compiled template; it belongs to no renderer and no context."""

    source: str
    body: Body
    program: Program


Context = PreparedContext | Mapping[str, Json]


class Renderer:
    """Renders templates with one set of filters, globals and options; safe for threads.

    Args:
        filters: filters by name; a name may have dots. They win over built-in ones.
        globals: values and functions by name; the context wins over them.
        cookiecutter_compat: ``{{ }}`` for values, True, False and None, methods of records and lists as in Jinja.
        trim_blocks: removes one line end behind a block tag.
        lstrip_blocks: removes the indentation in front of a block tag.
        limits: bounds of each render.
        allow_regexes: regular expressions may be matched; without it they can be written, no more.

    Raises:
        ValueError: a filter or global has a name that no template can write.
    """

    def __init__(
        self,
        *,
        filters: Mapping[str, Filter] | None = None,
        globals: Mapping[str, Global] | None = None,  # noqa: A002 - the language's word for it
        cookiecutter_compat: bool = False,
        trim_blocks: bool = False,
        lstrip_blocks: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        allow_regexes: bool = True,
    ) -> None:
        self._filters = dict(filters or {})
        self._functions = dict(BUILTINS)
        self._values: dict[str, Value] = {}
        self._cookiecutter = cookiecutter_compat
        self._trim_blocks = trim_blocks
        self._lstrip_blocks = lstrip_blocks
        self._limits = limits
        self._allow_regexes = allow_regexes
        for name in self._filters:
            _check_name("filter", name, name.split("."))
        for name, value in (globals or {}).items():
            _check_name("global", name, [name])
            if callable(value):
                self._functions[name] = HostFunction(name, value)
            else:
                self._values[name] = import_value(value)

    def prepare(self, context: Mapping[str, Json]) -> PreparedContext:
        """Copies a context for use in many renders.

        Raises:
            TemplateRuntimeError: it is no JSON data, uses a reserved key, or is too large or deep.
        """
        try:
            values = import_value(context)
        except Failure as failure:
            raise error_for(failure, "", None, 1, 1) from failure
        return PreparedContext(values)

    def parse(
        self, source: str, *, filename: str | None = None, first_line: int = 1, first_column: int = 1
    ) -> Template:
        """Parses and compiles a template, or finds it among the last ones.

        Raises:
            TemplateSyntaxError: the source is not a template.
            TemplateLimitError: it is too large or nests too deep.
        """
        return self._placed(
            lambda: self._template(source, coerce_json=False), source, filename, first_line, first_column
        )

    def render(
        self,
        source: str,
        context: Context,
        *,
        filename: str | None = None,
        first_line: int = 1,
        first_column: int = 1,
    ) -> str:
        """The text of a template.

        Args:
            source: the template.
            context: prepared, or plain data for this render only.
            filename: for messages.
            first_line: line of the source's first character in that file, for messages.
            first_column: its column.

        Raises:
            TemplateError: of the kind that ``errors`` describes.
        """
        if not has_code(source, cookiecutter=self._cookiecutter):
            return source
        return self._placed(
            lambda: self._drawn(self._text, source, context), source, filename, first_line, first_column
        )

    def render_value(
        self,
        source: str,
        context: Context,
        *,
        filename: str | None = None,
        first_line: int = 1,
        first_column: int = 1,
        coercion: Coercion = "none",
    ) -> Json | Undefined:
        """The value of a template: what its only expression gives, else its text.

        Numbers come as ``int`` where they are integral; NaN and the infinities as None, as JSON has them. Text around
        the expression, even a line end, makes the result text.

        With ``coercion="json"`` a template that is one tag (an ``if``, say) gives its output read as JSON where that
        is possible, and nothing instead of empty text, as the task runner of scaffolder-backend 4.3.0 asks for.

        Raises:
            TemplateError: as ``render``.
        """
        if not has_code(source, cookiecutter=self._cookiecutter):
            return UNDEFINED if coercion == "json" and not source else source
        evaluate = self._coerced if coercion == "json" else self._value
        return self._placed(lambda: self._drawn(evaluate, source, context), source, filename, first_line, first_column)

    # One render ------------------------------------------------------------------------------------------------------

    def _template(self, source: str, *, coerce_json: bool) -> Template:
        if len(source) > self._limits.source or length(source) > self._limits.source:
            raise LimitFailure("source", self._limits.source)
        options = (self._cookiecutter, self._trim_blocks, self._lstrip_blocks, coerce_json, self._limits.nesting)
        return _templates.get((source, *options), len(source), lambda: _compile(source, *options))

    def _drawn(self, evaluate: Callable[[Program, State], _Result], source: str, context: Context) -> _Result:
        """Evaluate a template within the budget of the request or run, if there is one.

        Raises:
            Exceeded: it is used up.
        """
        drawn = budget.current.get()
        coerce_json = evaluate == self._coerced
        if drawn is None:
            program = self._template(source, coerce_json=coerce_json).program
            return evaluate(program, self._state(program, context))
        program = self._template(source, coerce_json=coerce_json).program
        state = self._state(program, context)
        given = state.work = min(state.work, drawn.evaluation)
        try:
            result = evaluate(program, state)
        except Exception as failure:
            is_ours = isinstance(failure, LimitFailure) and failure.limit == "work" and given < self._limits.work
            drawn.spend(evaluation=given + 1 if is_ours else given - state.work)
            raise
        size = len(result) if isinstance(result, str) else budget.size(result)
        drawn.spend(evaluation=1 + given - state.work, output=size)
        return result

    @staticmethod
    def _text(program: Program, state: State) -> str:
        parts: list[str] = []
        program.body(program.start(state), parts.append)
        return state.join(parts)

    def _value(self, program: Program, state: State) -> Json | Undefined:
        if program.sole is None:
            return self._text(program, state)
        return _as_json(export_value(self._sole(program, state)))

    def _coerced(self, program: Program, state: State) -> Json | Undefined:
        if program.sole is not None:
            value = self._sole(program, state)
            if type(value) in _SAME_IN_JSON:
                return value
            encoded = stringify(value)
            return UNDEFINED if encoded is None else _as_json(json.loads(encoded))
        parts: list[str] = []
        emit = parts.append
        if program.single:
            state.encoded, state.root_emit = [], emit
        program.body(program.start(state), emit)
        text = state.join(parts)
        if state.encoded is None:
            return text or UNDEFINED
        encoded = "".join(state.encoded)
        return _parsed(encoded, text) if encoded else UNDEFINED

    @staticmethod
    def _sole(program: Program, state: State) -> Value:
        if program.sole is None:  # pragma: no cover - asked before
            raise AssertionError("not a sole expression")
        evaluate, base = program.sole
        try:
            value = evaluate(program.start(state))
            printed(value)
            return value
        except Failure as failure:
            raise failure.within(base)  # noqa: B904 - the same failure

    def _state(self, program: Program, context: Context) -> State:
        prepared = isinstance(context, PreparedContext)
        values = context.values if isinstance(context, PreparedContext) else import_value(context)
        constants = self._values
        if program.changes:
            done: dict[int, Value] = {}
            if prepared:
                values = {name: clone(values[name], done) for name in program.names if name in values}
            constants = {name: clone(value, done) for name, value in constants.items() if name in program.names}
        return State(
            values,
            filters=self._filters,
            functions=self._functions,
            values=constants,
            limits=self._limits,
            cookiecutter=self._cookiecutter,
            allow_regexes=self._allow_regexes,
        )

    @staticmethod
    def _placed(
        work: Callable[[], _Result], source: str, filename: str | None, first_line: int, first_column: int
    ) -> _Result:
        """Runs work and turns its failure into an error with a position."""
        try:
            return work()
        except Failure as failure:
            raise error_for(failure, source, filename, first_line, first_column) from None
        except RecursionError:
            too_deep = LimitFailure("nesting", Limits().nesting)
            raise error_for(too_deep, source, filename, first_line, first_column) from None


_templates: SizedCache[Template] = SizedCache(_CACHE_SIZE)


def _compile(
    source: str,
    cookiecutter: bool,  # noqa: FBT001 - in the order of the cache's key
    trim_blocks: bool,  # noqa: FBT001 - as above
    lstrip_blocks: bool,  # noqa: FBT001 - as above
    coerce_json: bool,  # noqa: FBT001 - as above
    nesting: int,
) -> Template:
    body = parser.parse(source, cookiecutter=cookiecutter, trim_blocks=trim_blocks, lstrip_blocks=lstrip_blocks)
    compiler = Compiler(cookiecutter=cookiecutter, coerce_json=coerce_json, nesting=nesting)
    return Template(source, body, compiler.compile(body))


def _check_name(what: str, name: str, segments: list[str]) -> None:
    if all(_IDENTIFIER.fullmatch(segment) and segment not in RESERVED for segment in segments):
        return
    raise ValueError(f'The {what} "{name}" cannot be written in a template; use letters, digits and "_"')


def _as_json(data: Json) -> Json:
    """The data with JSON's numbers: no NaN, no infinity, no negative zero."""
    kind = type(data)
    if kind is float:
        return numbers.as_python(data)
    if kind is list:
        return [_as_json(item) for item in data]
    if kind is dict:
        return {key: _as_json(item) for key, item in data.items()}
    return data


def _parsed(encoded: str, text: str) -> Json | Undefined:
    """Output read as JSON; the plain text where it is none."""

    def refuse(constant: str) -> Json:
        raise ValueError(constant)

    try:
        return _as_json(export_value(import_value(json.loads(encoded, parse_int=float, parse_constant=refuse))))
    except ValueError:
        return text or UNDEFINED
