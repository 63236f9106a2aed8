"""JavaScript's values: what its operators, conversions, texts and patterns do, each rule in one place.

What lives here:

- ``values``: the value model, own members and key order of records;
  ``errors``: what can go wrong.
- ``convert``: truth, ``String(x)``, ``Number(x)``, equality, order and ``+``; ``numbers``: arithmetic and printing.
- ``text``: text as UTF-16 code units; ``json_text``: ``JSON.stringify``; ``json_problem``: why ``JSON.parse`` fails.
- ``regex``: regular expressions in bounded time; ``regex_syntax`` and ``regex_properties`` parse, ``regex_re2`` and
  ``regex_machine`` match.
- ``paths``: paths into JSON values, as lodash reads them; ``uri``: ``decodeURIComponent``; ``dates``: ``Date.parse``.
- ``budget``: what one request or run may use up in all.

What it promises: pure functions over plain data, without any import of the rest of the project; time and memory of
each operation are bounded, and passing a bound is a ``LimitFailure``.

What does not belong here: the template language (``templating``), JSON Schema, YAML, or what Backstage makes
of a value.
"""
