"""Incidents that an entity carries: what its annotation says now is what counts."""

from pathlib import Path

import pytest

from backstage_py.model import times
from backstage_py.reporting.collector import Collector
from backstage_py.settings.sections import PlatformMetricsSettings
from backstage_py.storage.reporting.events import PlatformEventStore
from tests.catalog.harness import Web, catalog
from tests.reporting.world import at

ENTITY = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: shop
  annotations: {{backstage-py.io/incidents: "{}"}}
spec: {{type: service, lifecycle: production, owner: team-a}}
"""
OPENED, CLOSED, LATER = "2026-05-01T10:00Z", "2026-05-01T12:30:00+00:00", "2026-05-01T13:00Z"


@pytest.mark.thorough
async def test_an_annotation_that_changes_changes_the_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "now", lambda: at("06-01 00:00"))
    web = Web({"/shop.yaml": ENTITY.format(f"INC-7 {OPENED}/")})
    async with catalog(tmp_path, web) as world:
        await world.register("/shop.yaml")
        collector = Collector(world.database, PlatformMetricsSettings())

        async def told(annotation: str) -> list[tuple[str, str]]:
            web.pages["/shop.yaml"] = ENTITY.format(annotation)
            await world.refresh("component:default/shop")
            await collector.collect()
            found = await PlatformEventStore(world.database).before(2**62)
            return [(one.type.value, times.iso(one.at)[:16]) for one in found]

        opened = ("incident_opened", "2026-05-01T10:00")
        assert await told(f"INC-7 {OPENED}/") == [opened]
        assert await told(f"INC-7 {OPENED}/{CLOSED}") == [opened, ("incident_closed", "2026-05-01T12:30")]
        assert await told(f"INC-7 {OPENED}/{LATER}") == [opened, ("incident_closed", "2026-05-01T13:00")]
        assert await told(f"INC-7 {OPENED}/") == [opened], "it was not over yet"
        assert await told("INC-7 soon/, nothing, INC-8 /, ,INC 9 x/y") == [opened], "what is no incident says nothing"
