"""The store: what `analyze --db` costs more, and how fast and how small millions of calls are.

Run: python -m benchmarks.store [CAPTURE] [--runs N] [--records N] [--folder DIR [--again]]

1. CPU of whole processes for 2000 calls of 20 s (4.0 million packets), or the capture given, without and
   with `--db`: calls, streams and windows stored; the least of some runs.
2. 10 million calls over 10 days, made inside of ClickHouse out of the first part's (_store_rows.py), as
   inserted, in parts of half a million: wall time of the product's own questions through
   clickhouse-connect, the least of some runs (each asks for another call, hour or number), and bytes on disk,
   beside what is random in these calls takes at least (_store_floor.py). It takes 3 GB of disk.

A run with --folder leaves the store there; --again asks it alone, without 1 and without filling it anew.
"""

import argparse
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks._process import OFFHOOK, cost, generate
from benchmarks._store_floor import floor
from benchmarks._store_rows import DAYS, FIRST_DAY, fill
from offhook.queries.page import Place, calls_page
from offhook.queries.selection import CallSelection
from offhook.queries.sorting import parse_sort
from offhook.times import Clock
from schemas.cdr import CallRecord
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.reader import read_call

TRAFFIC: Final = "--calls 2000 --seconds 20 --loss 1 --jitter-ms 5"
MORE_CPU_S: Final = 3.0
BY_ID_MS: Final = 50
PAGE_MS: Final = 300
CHART_MS: Final = 200
MB_A_MILLION: Final = 60
TIMES: Final = 15


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("capture", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="keep the filled store there")
    parser.add_argument("--again", action="store_true", help="ask the store that an earlier run left there")
    options = parser.parse_args()
    with _folder(options.folder) as folder:
        db = folder / "calls.db"
        if not options.again:
            capture = options.capture or generate(folder / "calls.pcap", TRAFFIC)
            measure_writing(capture.resolve(), db, options.runs)
        with open_store(str(db)) as store:
            if not options.again:
                began = time.perf_counter()
                records = fill(store, options.records)
                print(f"{records:,} calls made in {time.perf_counter() - began:.0f} s")
            measure_reading(store)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def measure_writing(capture: Path, db: Path, runs: int) -> None:
    """CPU without and with --db, run in turn."""
    plain, kept = [*OFFHOOK, "analyze", str(capture), "--format", "json"], ["--db", str(db)]
    without, with_db = [], []
    for _ in range(runs):
        shutil.rmtree(db, ignore_errors=True)
        without.append(cost(plain))
        with_db.append(cost([*plain, *kept]))
    least, most = min(each.cpu_s for each in without), min(each.cpu_s for each in with_db)
    peak = max(each.peak_mb for each in with_db)
    print(f"analyze {least:.2f} s CPU, with --db {most:.2f} s, {peak:.0f} MB")
    say("--db costs more CPU", most - least, MORE_CPU_S, "s")


def measure_reading(store: Store) -> None:
    """Times and bytes of a filled store."""
    ids = iter(_ids(store, TIMES))
    say("a call by id, with all children", least(lambda: _asked(read_call(store, next(ids)))), BY_ID_MS, "ms")
    numbers = itertools.count(2100)
    for name, terms in {
        "list, first page, 3 filters": "number=+120212*,mos<4.3,duration>60",
        "list, first page, 3 filters, no such MOS": "number=+1202{}*,mos<4.2,duration>600",
        "list, first page, 3 filters, hardly a match": "number=+1202{}*,outcome=answered,duration>600",
        "list, first page, first digits alone": "number=+1202{}*",
        "list, first page, last digits alone": "number=*77{}",
    }.items():
        say(name, least(lambda terms=terms: page(store, terms.format(next(numbers)))), PAGE_MS, "ms")  # type: ignore[misc]
    hours = itertools.cycle(range(24))
    say("an hour's chart by minute", least(lambda: chart(store, next(hours))), CHART_MS, "ms")
    size = _one(
        store, "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND table = 'cdr'"
    )
    say("disk for a million calls", size, MB_A_MILLION, "MB")
    fields = dict(floor(store))
    print(f"  no store is below {sum(fields.values()):.0f} MB, where nothing but these took place:")
    for name, octets in fields.items():
        print(f"  {name:46}{octets:9.2f} MB")


def page(store: Store, terms: str) -> list[Any]:
    """As `offhook calls --db` asks."""
    selection = CallSelection([terms], Clock())
    found = calls_page(
        store.client, selection, parse_sort("time:desc", CallRecord), Place(50), children=False
    )
    return list(found.rows)


def chart(store: Store, hour: int) -> list[Any]:
    """Calls, ASR, ACD, PDD, MOS and loss of an hour, minute by minute."""
    rows = store.client.query(
        "SELECT minute, calls, answered / calls, connect_duration_sum / answered, pdd_sum / pdd_count,"
        " mos_sum / mos_count, lost / (packets + lost) FROM calls_by_minute"
        " WHERE minute >= {at:DateTime} AND minute < {at:DateTime} + INTERVAL 1 HOUR ORDER BY minute",
        parameters={"at": FIRST_DAY.replace(" 00", f" {hour:02}")},
    ).result_rows
    found: list[Any] = _asked(list(rows))
    return found


def least(ask: Callable[[], Any]) -> float:
    """The least wall time of TIMES, in ms."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return 1000 * min(took)


def say(name: str, value: float, limit: float, unit: str) -> None:
    """One line of the result."""
    met = "met" if value <= limit else "MISSED"
    print(f"{name:48}{value:9.2f} {unit:3} (asked: {limit:g} {unit}: {met})", flush=True)


def _asked(found: Any) -> Any:
    if not found:
        raise SystemExit("a question found nothing: the benchmark measures nothing")
    return found


def _ids(store: Store, number: int) -> list[str]:
    """Of calls all over the store."""
    each = max(number // DAYS, 1) + 1
    days = f"LIMIT {each} BY toDate(start)"
    rows = store.client.query(
        f"SELECT cdr_id FROM cdr WHERE cityHash64(cdr_id) % 1000 = 7 {days}"
    ).result_rows
    return [str(cdr_id) for (cdr_id,) in rows][:number]


def _one(store: Store, statement: str) -> float:
    return float(store.client.query(statement).result_rows[0][0])


if __name__ == "__main__":
    main()
