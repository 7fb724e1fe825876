"""Fills a store with calls made inside of ClickHouse out of real ones, for benchmarks/store.py.

Each is a real record with ids, tags, branches, numbers, ports, SSRCs and all times made anew at random:
what is random in the field is random here, and takes its place on disk. What was measured (jitter, loss,
MOS, codecs, user agents) is one of the real records'.
"""

from typing import Final

from sinks.clickhouse.client import Store

DAYS: Final = 10
FIRST_DAY: Final = "2026-10-01 00:00:00"
STEP: Final = 500_000
"""Rows of one INSERT: parts of a size that a store has after some merges."""

_HEX: Final = "lower(hex(toUInt32(cityHash64(n, {}))))"
_US: Final = "toIntervalMicrosecond"


def _random(salt: int, below: int) -> str:
    return f"(cityHash64(n, {salt}) % {below})"


_MADE: Final = {
    "cdr_id": "reinterpretAsUUID(concat(reinterpretAsString(cityHash64(n, 1)),"
    " reinterpretAsString(cityHash64(n, 2))))",
    "start": "invited",
    "stored_at": f"ended + {_US}(500000 + {_random(8, 500_000)})",
    "call_id": f"concat({_HEX.format(3)}, {_HEX.format(9)}, '@', src_ip)",
    "from_tag": _HEX.format(4),
    "to_tag": _HEX.format(5),
    "caller": f"concat('+1202', leftPad(toString({_random(6, 10**7)}), 7, '0'))",
    "callee": f"concat('+4420', leftPad(toString({_random(7, 10**8)}), 8, '0'))",
    "ringing_time": "rang",
    "answer_time": "answered",
    "end_time": "ended",
    "duration_more": _random(10, 20_000),
    # INVITE, 100, 180, 200, ACK, BYE, 200: µs after start, ringing, answer or end (sinks.clickhouse.ladder)
    "event_times": f"[0, 4 * (4000 + {_random(22, 3000)}), 1, 2, 2 + 4 * (20000 + {_random(23, 30_000)}), 3,"
    f" 3 + 4 * {_random(10, 20_000)}]",
    "event_branches": "arrayMap(salt -> if(salt = 0, '=',"
    " lower(hex(toUInt32(cityHash64(n, salt))))), [24, 0, 0, 0, 25, 26, 0])",
    "streams.stream_id": "[lower(hex(cityHash64(n, 30))), lower(hex(cityHash64(n, 31)))]",
    "streams.ssrc": "[toUInt32(cityHash64(n, 32)), toUInt32(cityHash64(n, 33))]",
    "streams.first_time": f"[answered + {_US}({_random(21, 100_000)}),"
    f" answered + {_US}({_random(20, 100_000)})]",
    "streams.last_time": f"[ended - {_US}({_random(34, 20_000)}), ended - {_US}({_random(35, 20_000)})]",
    "streams.src_port": f"[toUInt16(10000 + 2 * {_random(36, 10_000)}),"
    f" toUInt16(10000 + 2 * {_random(37, 10_000)})]",
    "streams.dst_port": f"[toUInt16(10000 + 2 * {_random(37, 10_000)}),"
    f" toUInt16(10000 + 2 * {_random(36, 10_000)})]",
    "streams.branch": f"[{_HEX.format(5)}, {_HEX.format(5)}]",
}


def fill(store: Store, records: int) -> int:
    """Replace the calls of a store by `records` made of them, over DAYS days; returns how many there are.

    Only answered calls of seven messages and two streams are taken as models.
    """
    client = store.client
    client.command("DROP TABLE IF EXISTS models")
    client.command(
        "CREATE TABLE models ENGINE = Memory AS SELECT * FROM cdr FINAL"
        " WHERE outcome = 'answered' AND length(streams.ssrc) = 2 AND length(event_times) = 7"
    )
    models = int(client.query("SELECT count() FROM models").result_rows[0][0])
    client.command("TRUNCATE TABLE cdr")
    a_day = records // DAYS
    for day in range(DAYS):
        for first in range(0, a_day, STEP):
            each = max(min(STEP, a_day - first) // models, 1)
            _insert(store, day, day * a_day + first, each)
    client.command("DROP TABLE models")
    return int(client.query("SELECT count() FROM cdr").result_rows[0][0])


def _insert(store: Store, day: int, first: int, each: int) -> None:
    """As many calls of one day as models, times `each`."""
    described = store.client.query("DESCRIBE TABLE cdr").result_rows
    names = [name for name, _, kind, *_ in described if kind != "ALIAS"]
    listed = ", ".join(f"`{name}`" for name in names)
    made = ", ".join(f"{_MADE.get(name, f'models.`{name}`')} AS `{name}`" for name in names)
    midnight = f"toDateTime64('{FIRST_DAY}', 6, 'UTC') + toIntervalDay({day})"
    # A level a time: an expression over an alias over an alias is expanded anew at each use.
    numbered = (
        f"SELECT *, {first} + model * {each} + copy AS n"
        " FROM (SELECT *, rowNumberInAllBlocks() AS model FROM models)"
        f" ARRAY JOIN range({each}) AS copy"
    )
    invited = f"SELECT *, {midnight} + {_US}({_random(100, 86_400_000_000)}) AS invited FROM ({numbered})"
    rang = f"SELECT *, invited + {_US}(50000 + {_random(101, 3_000_000)}) AS rang FROM ({invited})"
    answered = f"SELECT *, rang + {_US}(1000000 + {_random(102, 20_000_000)}) AS answered FROM ({rang})"
    talk = f"10000000 + intExp2({_random(103, 6)}) * {_random(104, 20_000_000)}"
    ended = f"SELECT *, answered + {_US}({talk}) AS ended FROM ({answered})"
    store.client.command(
        f"INSERT INTO cdr ({listed}) SELECT {made} FROM ({ended}) AS models",
        settings={
            "max_insert_threads": 1,
            "max_threads": 1,
            "max_block_size": 1000,  # ARRAY JOIN multiplies a block
            "min_insert_block_size_rows": STEP,
            "min_insert_block_size_bytes": 0,
        },
    )
