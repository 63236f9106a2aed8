"""Values of large catalogs are searched in memory, too: there the database takes ten times as long."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from backstage_py.storage.catalog.search_columns import Columns
from backstage_py.storage.catalog.tables import search

ENTITIES = 250_041
"""Of a catalog of 250,000 components with their owners and systems."""


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as opened:
        search.create(opened)
        rows = ((1, f"service-{number:06}", number) for number in range(ENTITIES))
        driver = opened.connection.driver_connection
        assert driver is not None
        driver.executemany("INSERT INTO search (key_id, value, entity_id) VALUES (?, ?, ?)", rows)
        yield opened
    engine.dispose()


def test_a_quarter_of_a_million_entities_are_searched_in_memory(connection: sa.Connection) -> None:
    columns = Columns()
    assert columns.of_keys(connection, 1, [1]) is None  # a generation that is searched once alone
    found = columns.of_keys(connection, 1, [1])
    assert found
    assert list(found[0].having(b"ce-123456")) == [123456]
