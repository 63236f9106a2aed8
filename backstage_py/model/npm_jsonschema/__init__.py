"""What the npm package ``jsonschema`` 1.5 answers, for everything that Backstage checks with it.

The scaffolder's backend checks forms, secrets and the input of actions with it, and hands its answers to the frontend.
So wording, order and members of an error are kept, and so is what it does with a schema that is no schema: the author
of a template may write anything, and gets the package's violation, nothing, or the text of its exception
(``SchemaProblem``), the same each time. ``tests/model/schemas`` compares the two.

- ``validator``: compiles a schema to closures and runs them; ``problem``: a violation, and the shapes of closures.
- ``scope``: which schema a ``$ref`` names where; ``urls``: references as ``new URL`` resolves them; ``extends``.
- ``arrays``, ``combining``, ``objects``, ``scalars``: the keywords; ``formats``: the formats.
- ``javascript``: what the package's expressions do with values that they were not written for.

Nothing is ever fetched. What Backstage checks with Ajv (entities, requests) is ``model.ajv``.
"""

from backstage_py.model.npm_jsonschema.problem import Problem, SchemaProblem
from backstage_py.model.npm_jsonschema.validator import Validator, compile_schema, validate

__all__ = ["Problem", "SchemaProblem", "Validator", "compile_schema", "validate"]
