"""Brings a store's tables to a version of the schema, forward or back, and notes what was applied."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.migrations import MIGRATIONS, Migration

LATEST: Final = MIGRATIONS[-1].version

_NOTES: Final = """
CREATE TABLE IF NOT EXISTS migrations
(
    version UInt32,
    name String,
    checksum String,
    applied Bool,
    changed_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY version
"""


class Step(msgspec.Struct, frozen=True):
    """One migration to apply, or to take back."""

    migration: Migration
    forward: bool

    @property
    def statements(self) -> tuple[str, ...]:
        """What it runs."""
        return self.migration.forward if self.forward else self.migration.back

    def __str__(self) -> str:
        """For the reader of a plan."""
        text = f"{'apply' if self.forward else 'take back'} {self.migration.version} {self.migration.name}"
        danger = "" if self.forward else self.migration.dangerous
        return f"{text}: DANGEROUS, {danger}" if danger else text


def applied(store: Store) -> dict[int, str]:
    """Version and checksum of each applied migration, in order; none where nothing was ever applied."""
    with store.errors():
        if not store.client.command("EXISTS TABLE migrations"):
            return {}
        rows = store.client.query(
            "SELECT version, checksum FROM migrations FINAL WHERE applied ORDER BY version"
        ).result_rows
    return {int(version): str(checksum) for version, checksum in rows}


def plan(store: Store, to: int = LATEST, migrations: Sequence[Migration] = MIGRATIONS) -> list[Step]:
    """The steps from what is applied to version `to`; empty where nothing is to do.

    Raises StoreError where the store is newer than this offhook, or a step was applied that read otherwise.
    """
    known = {migration.version: migration for migration in migrations}
    done = applied(store)
    latest = max(known)
    if not 0 <= to <= latest:
        raise StoreError(f"version {to} is unknown: this offhook knows 0 to {latest}")
    if done and max(done) > latest:
        raise StoreError(
            f"{store.target} is newer than this offhook: its tables are of version {max(done)},"
            f" known are up to {latest}; use the offhook that made them, or a later one"
        )
    for version, checksum in done.items():
        if version in known and known[version].checksum != checksum:
            raise StoreError(
                f"{store.target}: version {version} ({known[version].name}) was applied by an offhook in"
                " which it read otherwise; keep to that offhook, or store anew"
            )
    back = [Step(known[version], forward=False) for version in sorted(done, reverse=True) if version > to]
    forward = [
        Step(each, forward=True) for each in migrations if each.version <= to and each.version not in done
    ]
    return back + forward


def migrate(
    store: Store,
    to: int = LATEST,
    migrations: Sequence[Migration] = MIGRATIONS,
    *,
    say: Callable[[Step], None] | None = None,
) -> list[Step]:
    """Apply what is missing, or take back what is above `to`; returns the steps done.

    Each statement may run again: what was cut short is done anew.
    """
    steps = plan(store, to, migrations)
    with store.errors():
        if steps:
            store.client.command(_NOTES)
        for step in steps:
            if say is not None:
                say(step)
            for statement in step.statements:
                store.client.command(statement)
            _note(store, step)
    return steps


def check(store: Store) -> None:
    """StoreError where the store's tables are not those this offhook knows."""
    steps = plan(store)
    if steps:
        raise StoreError(f"{store.target}: tables of an older offhook; offhook migrate --db {store.target}")


def _note(store: Store, step: Step) -> None:
    migration = step.migration
    store.client.insert(
        "migrations",
        [[migration.version, migration.name, migration.checksum, step.forward]],
        column_names=["version", "name", "checksum", "applied"],
    )


def statements(steps: Sequence[Step]) -> Iterator[str]:
    """What a plan would run, for the reader."""
    for step in steps:
        yield f"-- {step}"
        for statement in step.statements:
            yield statement.strip() + ";"
