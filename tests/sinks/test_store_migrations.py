"""The store's tables: forward, back, twice, and a store that this offhook does not know."""

import pytest
from msgspec.structs import replace

from offhook.rows import WindowRow
from schemas.capture_health import CaptureHealth
from schemas.cdr import CallRecord, SipEvent, StreamRecord
from schemas.cdr_rejected import RejectedCall
from schemas.registrations import Registration
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.migrate import LATEST, applied, check, migrate, plan
from sinks.clickhouse.migrations import MIGRATIONS, Migration

NEXT = Migration(
    LATEST + 1, "later", ("CREATE TABLE later (x UInt8) ENGINE = Memory",), ("DROP TABLE later",), ""
)


def tables(store: Store) -> set[str]:
    return {row[0] for row in store.client.query("SHOW TABLES").result_rows}


def columns(store: Store, table: str) -> set[str]:
    return {row[0] for row in store.client.query(f"DESCRIBE TABLE {table}").result_rows}


def test_the_tables_have_every_field_of_their_records(store: Store) -> None:
    call = columns(store, "calls")
    for field in CallRecord.__struct_fields__:
        assert field in call or any(name.startswith(f"{field}.") for name in call), field
    assert set(WindowRow.__struct_fields__) <= columns(store, "rtp_windows")
    assert set(StreamRecord.__struct_fields__) <= columns(store, "rtp_unmatched")
    assert set(StreamRecord.__struct_fields__) <= columns(store, "rtp_streams")
    assert set(SipEvent.__struct_fields__) <= columns(store, "sip_events")
    assert set(RejectedCall.__struct_fields__) <= columns(store, "cdr_rejected")
    assert set(Registration.__struct_fields__) <= columns(store, "registrations")
    health = {name.removesuffix("_us") for name in CaptureHealth.__struct_fields__}
    assert health <= columns(store, "capture_health")


def test_the_database_is_our_own(store: Store) -> None:
    assert store.client.query("SELECT currentDatabase()").result_rows == [("offhook",)]
    engines = store.client.query("SELECT engine FROM system.databases WHERE name = 'offhook'").result_rows
    assert engines == [("Atomic",)]


def test_applying_twice_does_nothing(empty_store: Store) -> None:
    assert [step.migration.version for step in migrate(empty_store)] == list(range(1, LATEST + 1))
    before = tables(empty_store)
    assert migrate(empty_store) == []
    assert tables(empty_store) == before
    check(empty_store)


def test_every_step_goes_back_and_forward_again(empty_store: Store) -> None:
    migrate(empty_store)
    full = tables(empty_store)
    for version in range(LATEST - 1, -1, -1):
        assert [step.migration.version for step in migrate(empty_store, version)] == [version + 1]
        assert max(applied(empty_store), default=0) == version
    assert tables(empty_store) == {"migrations"}
    migrate(empty_store)
    assert tables(empty_store) == full


def test_a_step_cut_short_is_done_anew(empty_store: Store) -> None:
    empty_store.client.command(MIGRATIONS[0].forward[0])
    migrate(empty_store)
    assert list(applied(empty_store)) == list(range(1, LATEST + 1))


def test_tables_of_an_older_offhook_are_named(empty_store: Store) -> None:
    migrate(empty_store, 1)
    with pytest.raises(StoreError, match=r"older offhook; offhook migrate --db .*calls\.db"):
        check(empty_store)


def test_a_newer_store_is_refused_in_one_line(store: Store) -> None:
    migrate(store, LATEST + 1, (*MIGRATIONS, NEXT))
    with pytest.raises(StoreError, match="newer than this offhook") as refusal:
        migrate(store)
    assert "\n" not in str(refusal.value)
    assert f"version {LATEST + 1}" in str(refusal.value)


def test_a_step_that_read_otherwise_is_refused(store: Store) -> None:
    changed = (replace(MIGRATIONS[0], name="other", back=()), *MIGRATIONS[1:])
    with pytest.raises(StoreError, match=r"version 1 .* read otherwise"):
        migrate(store, migrations=changed)


def test_an_unknown_version_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="version 99 is unknown"):
        plan(store, 99)


def test_going_back_says_what_it_drops(store: Store) -> None:
    assert "drops every stored record" in str(plan(store, 0)[-1])
