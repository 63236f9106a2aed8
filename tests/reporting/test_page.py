"""The page and the terminal's report: services, teams and templates are text, however others named them."""

from io import StringIO
from typing import Any

from rich.console import Console

from backstage_py.cli.platform_report import page, text, words
from backstage_py.model.platform_event import PlatformEvent, PlatformEventType
from backstage_py.reporting.measures import report
from backstage_py.reporting.measures.report import Question
from backstage_py.reporting.measures.stories import Component
from backstage_py.reporting.measures.window import Window
from tests.reporting.world import at

HOSTILE = "</td></style></title><script>alert(1)</script>[bold]\x1b[31m"


def made(*events: PlatformEvent, components: tuple[Component, ...] | None = ()) -> Any:
    window = Window(at("01-01 00:00"), at("03-01 00:00"))
    return report.report(Question(window, window.end), events, components, frozenset({"production"}))


def test_names_of_others_are_text_and_nothing_else() -> None:
    created = PlatformEvent(
        "k",
        PlatformEventType.REPOSITORY_CREATED,
        at("01-05 00:00"),
        repository=HOSTILE,
        template_ref=f"template:default/{HOSTILE}",
        owner_ref=f"group:default/{HOSTILE}",
    )
    found = made(created, components=(Component("component:default/a", "service", HOSTILE, HOSTILE),))
    shown = page.html(found)
    assert "<script" not in shown
    assert shown.count("</style>") == shown.count("</title>") - shown.count("<title>") + 1 == 1
    assert "&lt;script&gt;" in shown
    written = StringIO()
    text.show(found, Console(file=written, width=400))
    assert "<script>alert(1)</script>[bold]" in written.getvalue()
    assert "\x1b" not in written.getvalue()


def test_nothing_is_shown_as_nothing() -> None:
    empty = made(components=None)
    assert "another Backstage" in page.html(empty)
    written = StringIO()
    text.show(empty, Console(file=written, width=160))
    assert "Time to first deployment - " in " ".join(written.getvalue().split())
    assert "Never deployed to production" not in written.getvalue()


def test_durations_are_said_in_the_unit_that_suits_them() -> None:
    said = {
        45: "45 s",
        60: "1 min",
        5_400: "1.5 h",
        86_400: "24 h",
        172_800: "2 d",
        820_800: "9.5 d",
        8_640_000: "100 d",
    }
    assert {seconds: words.duration(seconds) for seconds in said} == said
    assert words.duration(None) == "not reached"
