"""All keywords that are known."""

from backstage_py.model.json_schema import arrays, combining, objects, scalars
from backstage_py.model.json_schema.problem import Keyword

KEYWORDS: dict[str, Keyword] = {**combining.KEYWORDS, **objects.KEYWORDS, **arrays.KEYWORDS, **scalars.KEYWORDS}
