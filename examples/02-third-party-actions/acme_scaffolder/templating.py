"""What Acme's templates and skeletons may write in expressions."""

import re

from backstage_py.plugin import TemplateExample, template_filter, template_function, template_value

_CENTRES = {"payments": "CC-1001", "search": "CC-1002"}


@template_filter("slug", examples=[TemplateExample("${{ 'The Shop' | slug }}", "Gives the-shop")])
def slug(text: str, separator: str = "-") -> str:
    """Make a name of a title: lower case, words joined by a separator."""
    return separator.join(re.findall(r"[a-z0-9]+", str(text).lower()))


@template_function()
def cost_centre(team: str) -> str:
    """Return the cost centre of a team."""
    return _CENTRES.get(team, "CC-0000")


acme = template_value("acme", {"domain": "acme.example"}, description="Facts about Acme")
