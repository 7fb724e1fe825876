"""A process of its own over a store: `python -m tests.sinks.store_child hold|write FOLDER`.

`hold` opens it, says so and waits. `write` inserts batches for ever, and says each one's number when it is
acknowledged.
"""

import sys

from sinks.clickhouse import tables
from sinks.clickhouse.client import open_store
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.writer import Writer
from tests.sinks.records import call

BATCH = 20
"""Calls in one batch."""


def main(command: str, folder: str) -> None:
    """Do as told until killed."""
    with open_store(folder, create=True) as store:
        migrate(store)
        print("open", flush=True)
        if command == "hold":
            sys.stdin.read()
            return
        writer, number = Writer(store), 0
        while True:
            writer.insert(tables.CDR, [call(number * BATCH + each) for each in range(BATCH)])
            print(number, flush=True)
            number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
