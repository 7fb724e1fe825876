"""`offhook migrate`: a store's tables to a version of the schema, forward or back."""

import argparse

from offhook.errors import DONE, UsageError
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.migrate import LATEST, Step, applied, migrate, plan, statements
from sinks.clickhouse.target import Folder, parse_target


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CommandError or StoreError."""
    target = parse_target(options.db)
    to = LATEST if options.to is None else options.to
    create = not options.dry_run
    if not create and isinstance(target, Folder) and not target.path.exists():
        raise UsageError(f"{target}: no store there, so nothing to show; without --dry-run it is made")
    with open_store(target, create=create) as store:
        steps = plan(store, to)
        if options.dry_run:
            for line in statements(steps):
                print(line)
        else:
            _apply(store, steps, to, sure=options.yes)
        if not steps:
            print(f"{store.target} is at version {max(applied(store), default=0)}: nothing to do")
    return DONE


def _apply(store: Store, steps: list[Step], to: int, *, sure: bool) -> None:
    for step in steps:
        if not step.forward and step.migration.dangerous and not sure:
            raise UsageError(f"version {step.migration.version}: {step.migration.dangerous}; --yes does it")
    migrate(store, to, say=print)
    if steps:
        print(f"{store.target} is at version {to}")
