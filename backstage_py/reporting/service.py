"""The report, for what is asked by the members of a query."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py import threads
from backstage_py.errors import InputError
from backstage_py.model import entity_ref, times
from backstage_py.model.json import JsonObject
from backstage_py.reporting.collector import Collector
from backstage_py.reporting.components import component
from backstage_py.reporting.measures import report
from backstage_py.reporting.measures.report import Question
from backstage_py.reporting.measures.window import Window
from backstage_py.storage.reporting.entities import ReportedEntities
from backstage_py.storage.reporting.events import PlatformEventStore

_DAY = 86_400_000
_USUAL = 90 * _DAY
_LONGEST = 5 * 366 * _DAY


@dataclass(frozen=True, slots=True)
class ReportService:
    """Answers questions about the platform.

    Attributes:
        collector: makes the events complete first.
        events: of the platform.
        entities: of the catalog; None when it is another Backstage's.
        production: environments that are production, in lower case.
    """

    collector: Collector
    events: PlatformEventStore
    entities: ReportedEntities | None
    production: frozenset[str]

    async def report(self, query: Mapping[str, str]) -> JsonObject:
        """Return the report.

        Args:
            query: ``from`` and ``to``, days or moments in ISO 8601, the last 90 days by default; ``team`` and
                ``template``, references.

        Raises:
            InputError: a member of the query is wrong.
        """
        now = times.now()
        asked = question(query, now)
        await self.collector.collect()
        events = await self.events.before(asked.as_of)
        listed = await self.entities.of_kind("component") if self.entities else None
        return await threads.offload(
            lambda: report.report(
                asked, events, None if listed is None else [component(one) for one in listed], self.production
            )
        )


def question(query: Mapping[str, str], now: int) -> Question:
    """Return what a query asks for.

    Raises:
        InputError: a member of the query is wrong.
    """
    end = _moment(query, "to") if query.get("to") else now
    start = _moment(query, "from") if query.get("from") else end - _USUAL
    if not start < end:
        raise InputError("'from' should be before 'to'")
    if end - start > _LONGEST:
        raise InputError("'from' should be at most five years before 'to'")
    return Question(
        Window(start, end), min(end, now), _ref(query, "team", "group"), _ref(query, "template", "template")
    )


def _moment(query: Mapping[str, str], name: str) -> int:
    try:
        return times.parsed(query[name])
    except (ValueError, OverflowError):
        raise InputError(f"'{name}' should be a day or a moment in ISO 8601, such as 2026-01-31") from None


def _ref(query: Mapping[str, str], name: str, kind: str) -> str | None:
    if not query.get(name):
        return None
    try:
        return str(entity_ref.parse(query[name], default_kind=kind))
    except InputError as error:
        raise InputError(f"'{name}': {error.message}") from None
