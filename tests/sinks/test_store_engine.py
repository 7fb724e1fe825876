"""Which engines a store is opened on."""

from pathlib import Path

import pytest

from sinks.clickhouse import engine
from sinks.clickhouse.client import open_store
from sinks.clickhouse.engine import too_old
from sinks.clickhouse.errors import StoreError


@pytest.mark.parametrize("version", ["18.16.1", "25.8.2.1", "25.12.10.7-stable", "9.9"])
def test_an_older_engine_is_too_old(version: str) -> None:
    said = too_old(version)
    assert said is not None and version in said and "26.1" in said


@pytest.mark.parametrize("version", ["26.1.2.1", "26.9.2.1", "26.10.1.1-testing", "100.0", "head", "", None])
def test_a_later_one_is_not_nor_one_that_cannot_be_read(version: str | None) -> None:
    assert too_old(version) is None


def test_a_store_on_an_older_engine_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "OLDEST", (999, 1))
    with pytest.raises(
        StoreError, match=r"calls\.db: ClickHouse .* is too old .*: take 999\.1 or a later one"
    ):
        open_store(str(tmp_path / "calls.db"), create=True)
