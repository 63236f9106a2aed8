"""Names of methods that change their receiver; a template that names one works on copies of its context."""

_ARRAYS = {"append", "copyWithin", "fill", "insert", "pop", "push", "remove", "reverse", "shift", "sort", "splice"}
_COLLECTIONS = {"add", "clear", "delete", "set"}

CHANGING = frozenset({*_ARRAYS, *_COLLECTIONS, "unshift"})
