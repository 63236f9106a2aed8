"""What the npm package ``ajv`` 8 answers, for everything that Backstage checks with it: entities and requests.

The catalog checks each entity several times on its way in, so a check has to cost microseconds, and its words reach
people through ``status.items``, ``/validate-entity`` and the answers to wrong requests. A check stops where Ajv stops
without ``allErrors``; the first of its problems is the first with ``allErrors`` as well. The schemas are our own, so
only the keywords that they use are known; another one is refused when the schema is compiled.

- ``compiler``: compiles a schema to closures, in Ajv's order; ``keywords``: the keywords, by the type they apply to;
  ``problem``: what is wrong, and where.

``tests/model/schemas`` compares with Ajv. What Backstage checks with ``jsonschema`` (forms, input of actions: schemas
that anybody wrote) is ``model.npm_jsonschema``.
"""

from backstage_py.model.ajv.compiler import Compiler
from backstage_py.model.ajv.problem import Check, Problem, Problems

__all__ = ["Check", "Compiler", "Problem", "Problems"]
