"""The whole report: everything together, each month, each team, and each team in each month."""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.model import times
from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent
from backstage_py.reporting.measures.deployments import judged
from backstage_py.reporting.measures.runs import orders, runs
from backstage_py.reporting.measures.slices import Slice
from backstage_py.reporting.measures.stories import Component, services
from backstage_py.reporting.measures.window import Window


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for.

    Attributes:
        window: when it happened.
        as_of: until when ends are known: the window's end, or now.
        team: of whom; None for all.
        template: made by what; None for all.
    """

    window: Window
    as_of: int
    team: str | None = None
    template: str | None = None


def report(
    question: Question,
    events: Sequence[PlatformEvent],
    components: Sequence[Component] | None,
    production: frozenset[str],
) -> JsonObject:
    """Return the answer.

    Args:
        question: what is asked for.
        events: all that is known from before the end, in the order in which they happened.
        components: of the catalog; None when it is another Backstage's.
        production: environments that are production, in lower case.
    """
    found = services(events, components or (), production)
    templates = {one.name: one.template_ref for one in found if one.template_ref}
    everything = Slice([(one, judged(one)) for one in found], runs(events), components or (), orders(events))
    if question.template:
        made = frozenset(name for name, template in templates.items() if template == question.template)
        everything = everything.of_template(question.template, made)
    if question.team:
        everything = everything.of_team(question.team)
    return {
        "from": times.iso(question.window.start),
        "to": times.iso(question.window.end),
        "asOf": times.iso(question.as_of),
        "team": question.team,
        "template": question.template,
        "hasCatalog": components is not None,
        "total": _whole(everything, question, templates),
        "months": _months(everything, question),
        "teams": [
            {"team": team, "total": _whole(one, question, templates), "months": _months(one, question)}
            for team in _teams(everything)
            for one in [everything.of_team(team)]
        ],
    }


def _whole(found: Slice, question: Question, templates: dict[str, str]) -> JsonObject:
    measured = found.measured(_until(question.window, question.as_of), question.as_of)
    return {"goldenPaths": found.golden_paths(templates), **measured}


def _months(found: Slice, question: Question) -> list[JsonObject]:
    window = _until(question.window, question.as_of)
    return [{"month": name, **found.measured(month, question.as_of)} for name, month in window.months()]


def _until(window: Window, as_of: int) -> Window:
    return Window(window.start, max(min(window.end, as_of), window.start))


def _teams(found: Slice) -> list[str | None]:
    """Return the teams that there is anything of, those of which none is known at the end."""
    named = {one.team for one, _ in found.services} | {one.team for one in found.tasks}
    named |= {one.team for one in found.orders}
    named |= {one.owner_ref for one in found.components if one.type == "service"}
    return [*sorted(one for one in named if one), *([None] if None in named else [])]
