"""Tells authors what is wrong with templates, catalog files and skeletons, where Backstage says it late or never.

What lives here: rules, the knowledge they share (known actions, form fields, what an expression refers to), and the
two doors ``check.check_text`` (a text) and ``check.check_file`` (a file with the skeletons it names). Text goes in,
``model.problem.Problem`` comes out, each with line, column and a stable code.

What it promises:

- ``error`` is kept for what Backstage refuses (a file, a page of the form, an input, an expression of a step) and what
  fails when it runs: nothing where an action requires something, a skeleton that is no template. What stock Backstage
  runs with a defined result (an unknown name is empty, a dash is a minus, raw text in a link of the output) is a
  ``warning``, and so is what may be of the author's own, such as a filter.
- Every rule has a bad and a good example; the tests and ``RULES.md`` are made from them.
- Nothing leaves the machine, nothing is executed, and no input raises: what cannot be read is a problem too.

The pipeline: ``files`` (bounded reading) -> ``model.yaml`` -> ``documents`` (what kind of document) -> ``view`` (a
template with its steps, parameters and expressions) -> ``rules`` (one module per family) -> ``check`` (places,
severities, ignored lines). From there ``fixes`` goes on: what a rule would have changed becomes edits of the text.
``editing``, ``outline``, ``renaming`` and ``explaining`` answer what editors ask; ``neighbours`` tells them which
template reads a file.

What does not belong here: output formats and arguments (``cli``), actions' code (only their schemas are known, from
``schemas/``), the network.
"""
