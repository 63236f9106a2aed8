"""The template language of Backstage, evaluated in Python with the same result.

What lives here: a lexer, a parser, a compiler to Python closures and the runtime that the closures use, for the
language of ``nunjitsu`` 0.7.0 with the options and filters of scaffolder-backend 4.3.0. The files are the
pipeline: ``lexer`` -> ``nodes`` -> ``expressions`` / ``parser`` -> ``scopes`` -> ``compiler`` / ``evaluation`` /
``calls`` -> ``runtime``, ``functions`` and ``macros``; ``renderer`` runs it, ``exchange`` copies data in and out.
It has two doors, and other packages import nothing else: ``engine`` renders, ``tree`` gives the syntax tree.

What it promises:

- A template reaches plain data, the built-in filters, tests, globals and methods, and what the renderer was given.
  No Python attribute or item of any object can be reached: values are told apart by their exact type, and names are
  looked up in closed tables only.
- The caller's values and a prepared context are never changed by a template.
- Work, output, nesting and regular expressions are bounded (``limits``, ``js.errors``).
- Every failure is a ``TemplateError`` with file, line, column and the source line.

What does not belong here: files, YAML, JSON Schema, Backstage's HTTP faces, JavaScript's values (they stand in ``js``),
or any import of the rest of the project.
"""
