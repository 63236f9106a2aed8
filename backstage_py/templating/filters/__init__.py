"""The built-in filters: one closed table, ``table.FILTERS``.

A filter takes the runtime state, its input and a list of arguments, all of them values of the model without
functions, and returns a value. Keywords arrive as nunjitsu hands them over: a record as the last argument, except for
``int`` and ``sort``, which name their parameters.
"""
