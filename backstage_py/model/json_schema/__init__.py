"""JSON Schema checks whose answers have the shape and wording of the npm package ``jsonschema`` 1.

Backstage hands these answers to its frontend, so wording, order and the members of an error are kept: errors come in
the order in which the schema's keywords are written, ``instance`` is missing where a value is missing, and a schema
with an ``$id`` is named instead of shown.

Keywords live in a module for each kind of value, their table in ``keywords``. Nothing is ever fetched, and what uses
the answers in words of its own belongs to the callers.
"""

from backstage_py.model.json_schema.problem import Problem
from backstage_py.model.json_schema.validator import SchemaProblem, Validator, compile_schema, validate

__all__ = ["Problem", "SchemaProblem", "Validator", "compile_schema", "validate"]
