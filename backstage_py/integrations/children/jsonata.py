"""JSONata, in a process of its own: an expression of a template is a program, which may loop and grow without end.

Here are the time and the data it gets, and its errors; what it does is in ``jsonata_job``.
"""

from collections.abc import Mapping

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.integrations.children import process
from backstage_py.integrations.children.limits import Limits
from backstage_py.integrations.children.process import ChildJobError, ChildLimitError
from backstage_py.model import json
from backstage_py.model.json import Json

_SECONDS = 30.0


async def evaluate(
    expression: str, data: Json, *, seconds: float = _SECONDS, config: Mapping[str, Json] | None = None
) -> Json:
    """Return what an expression gives; None when that is null or nothing.

    Raises:
        InputError: the expression is wrong, fails, gives no JSON, or needs more time or memory than it may have.
    """
    job = {"expression": expression, "data": data, "seconds": seconds}
    try:
        result = await process.run("jsonata_job", job, seconds=seconds, limits=Limits.of(config))
    except (TypeError, ValueError) as error:
        raise InputError(f"The data is no JSON, or nested too deeply: {error}") from error
    except TimeoutError as error:
        raise InputError(f"The expression did not end within {seconds:g} seconds") from error
    except ChildLimitError as error:
        raise InputError(f"The expression {error}") from error
    except ChildJobError as error:
        raise InputError(str(error)) from error
    parsed: Json = await threads.render_large(len(result), json.parse, result)
    return parsed
