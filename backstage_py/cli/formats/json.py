"""``{"problems": [{"file", "line", "column", "severity", "code", "message", "fix"?}]}``."""

import json
from collections.abc import Sequence

from backstage_py.model.problem import Problem


def render(problems: Sequence[Problem]) -> str:
    """Return one JSON document."""
    return json.dumps({"problems": [problem.as_json() for problem in problems]}, indent=2, ensure_ascii=False) + "\n"
