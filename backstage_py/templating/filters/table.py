"""All built-in filters by name."""

from collections.abc import Callable
from typing import NamedTuple

from backstage_py.js.values import UNDEFINED, Value, in_key_order
from backstage_py.templating.filters import conversion, html, json_text, sequences, text
from backstage_py.templating.runtime import State

FilterFunction = Callable[[State, Value, list[Value]], Value]


class BuiltinFilter(NamedTuple):
    """A filter; ``parameters`` are named for the two filters that take keywords by name."""

    function: FilterFunction
    parameters: tuple[str, ...] = ()

    def bind(self, positional: list[Value], keywords: dict[str, Value]) -> list[Value]:
        """The arguments that the function gets.

        A filter without named parameters gets the keywords as one more argument, a record: as observed in nunjitsu
        0.7.0, so ``default("x", boolean=true)`` works since the record is truthy.
        """
        if not self.parameters:
            return [*positional, in_key_order({**keywords, "__keywords": True})]
        given = positional[: len(self.parameters)]
        return given + [keywords.get(name, UNDEFINED) for name in self.parameters[len(given) :]]


FILTERS: dict[str, BuiltinFilter] = {
    "abs": BuiltinFilter(conversion.absolute),
    "batch": BuiltinFilter(sequences.batch),
    "capitalize": BuiltinFilter(text.capitalize),
    "center": BuiltinFilter(text.center),
    "d": BuiltinFilter(conversion.default),
    "default": BuiltinFilter(conversion.default),
    "dictsort": BuiltinFilter(sequences.dictsort),
    "dump": BuiltinFilter(json_text.dump),
    "e": BuiltinFilter(html.escape),
    "escape": BuiltinFilter(html.escape),
    "first": BuiltinFilter(sequences.first),
    "float": BuiltinFilter(conversion.float_filter),
    "forceescape": BuiltinFilter(html.forceescape),
    "groupby": BuiltinFilter(sequences.groupby),
    "indent": BuiltinFilter(text.indent),
    "int": BuiltinFilter(conversion.int_filter, ("default", "base")),
    "join": BuiltinFilter(sequences.join),
    "last": BuiltinFilter(sequences.last),
    "length": BuiltinFilter(sequences.length_filter),
    "list": BuiltinFilter(sequences.list_filter),
    "lower": BuiltinFilter(text.lower),
    "nl2br": BuiltinFilter(text.nl2br),
    "random": BuiltinFilter(sequences.random),
    "reject": BuiltinFilter(sequences.reject),
    "rejectattr": BuiltinFilter(sequences.rejectattr),
    "replace": BuiltinFilter(text.replace),
    "reverse": BuiltinFilter(sequences.reverse),
    "round": BuiltinFilter(conversion.round_filter),
    "safe": BuiltinFilter(html.safe),
    "select": BuiltinFilter(sequences.select),
    "selectattr": BuiltinFilter(sequences.selectattr),
    "slice": BuiltinFilter(sequences.slice_filter),
    "sort": BuiltinFilter(sequences.sort, ("reverse", "case_sensitive", "attribute")),
    "string": BuiltinFilter(text.string),
    "striptags": BuiltinFilter(html.striptags),
    "sum": BuiltinFilter(sequences.sum_filter),
    "title": BuiltinFilter(text.title),
    "trim": BuiltinFilter(text.trim_filter),
    "truncate": BuiltinFilter(text.truncate),
    "upper": BuiltinFilter(text.upper),
    "urlencode": BuiltinFilter(html.urlencode),
    "urlize": BuiltinFilter(html.urlize),
    "wordcount": BuiltinFilter(text.wordcount),
}
