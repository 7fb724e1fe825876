"""A store of its own for each test: ClickHouse's engine in this process, over a temporary folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.migrate import migrate


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """A database without tables."""
    with open_store(str(tmp_path / "calls.db"), create=True) as store:
        yield store


@pytest.fixture
def store(empty_store: Store) -> Store:
    """A database with all tables."""
    migrate(empty_store)
    return empty_store
