"""Stores to ask: filled with the calls of real captures, and with calls made by hand."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from offhook.pipeline import Analysis
from offhook.rows import WindowRow
from offhook.settings import Settings
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration
from sinks.clickhouse import tables
from sinks.clickhouse.client import open_store
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.writer import Writer
from tests.offhook.fakes import CALL, T0
from tests.paths import CAPTURES

_TABLES = {
    CallRecord: tables.CDR,
    StreamRecord: tables.RTP_UNMATCHED,
    WindowRow: tables.RTP_WINDOWS,
    Registration: tables.REGISTRATIONS,
}


def captures() -> list[Path]:
    """The shared captures."""
    return sorted(CAPTURES.glob("*.pcap*"))


def analysed(paths: Iterable[Path]) -> list[Any]:
    """Calls, windows, registrations, and the streams that no call announced, of each capture by itself."""
    want = frozenset({"calls", "streams", "windows", "registrations"})
    newest: dict[tuple[Any, ...], Any] = {}  # some captures are parts of others
    for path in paths:
        for row in Analysis([str(path)], Settings(), want=want):
            if type(row) is StreamRecord and row.cdr_id is not None:
                continue
            known = newest.get(key(row))
            if known is None or getattr(row, "version", 0) >= getattr(known, "version", 0):
                newest[key(row)] = row
    return list(newest.values())


def key(row: Any) -> tuple[Any, ...]:
    """What tells rows of a store apart."""
    match row:
        case CallRecord():
            return (row.cdr_id,)
        case Registration():
            return (row.registration_id,)
        case WindowRow():
            return row.stream_id, row.window, row.part
    return row.stream_id, row.cdr_id or ""


def fill(path: Path, rows: Iterable[Any]) -> None:
    """Make a store of these rows."""
    with open_store(str(path), create=True) as store:
        migrate(store)
        writer = Writer(store)
        for row in rows:
            writer.add(_TABLES[type(row)], row)
        writer.flush()
        assert not writer.refused, writer.refused[0].reason


def made_up(count: int, seed: int = 1) -> list[CallRecord]:
    """Different calls of three days: every outcome, codec, flag; unknown values; odd text."""
    chance = random.Random(seed)
    return [_call(chance, number) for number in range(count)]


def _call(chance: random.Random, number: int) -> CallRecord:
    start = T0 + chance.randrange(3 * 86_400) * 1_000_000 + chance.randrange(1_000_000)
    outcome = chance.choice(["answered"] * 4 + ["rejected", "cancelled", "unanswered", "unfinished"])
    answered = outcome == "answered"
    has_media = answered and chance.random() < 0.8
    talk = round(chance.expovariate(1 / 60), 3) if answered else None
    pdd = round(chance.uniform(0.05, 8), 6) if chance.random() < 0.9 else None
    length = round((talk or 0.0) + (pdd or 0.0) + 1, 6)
    mos_a, mos_b = (round(chance.uniform(1, 4.5), 3) if has_media else None for _ in "ab")
    src = f"10.0.{chance.randrange(3)}.{chance.randrange(1, 20)}"
    return replace(
        CALL,
        cdr_id=str(UUID(int=chance.getrandbits(128))),
        call_id=f"{number:x}_%@{src}",
        start=start,
        invite_time=start,
        ringing_time=None if pdd is None else start + int(pdd * 1e6),
        answer_time=start + 1_000_000 if answered else None,
        end_time=start + int(length * 1e6),
        bye_time=start + int(length * 1e6) if answered else None,
        duration=length,
        connect_duration=talk,
        pdd=pdd,
        outcome=outcome,
        response_code={"answered": 200, "cancelled": 487, "unanswered": 180, "unfinished": None}.get(
            outcome, chance.choice([404, 486, 503, 603])
        ),
        response_reason=None,
        hung_up_by=chance.choice(["caller", "callee"]) if answered else None,
        caller=chance.choice(["12025550123", "+12025550123", "420777", "o'neil", "a\\b", "50%_off", None]),
        callee=chance.choice(["+420234567", "420234567", "911", "Ünï*", ""]),
        caller_domain=chance.choice(["Example.ORG", "sip_proxy.example", None]),
        src_ip=src,
        dst_ip=chance.choice(["172.16.0.1", "172.16.0.2", "2001:db8::1", "0.0.0.0"]),
        proxies=chance.choice([[], ["192.0.2.7"], ["192.0.2.7", "198.51.100.1"]]),
        codec_a=chance.choice(["PCMU", "opus", "G729"]) if has_media else None,
        codec_b=chance.choice(["PCMA", "AMR-WB"]) if has_media else None,
        mos_a=mos_a,
        mos_b=mos_b,
        mos=min(mos_a, mos_b) if mos_a is not None and mos_b is not None else None,
        loss_a=round(chance.expovariate(1), 4) if has_media else None,
        loss_b=0.0 if has_media else None,
        packets_a=1000 if has_media else None,
        packets_b=900 if has_media else None,
        lost_a=chance.randrange(50) if has_media else None,
        lost_b=0 if has_media else None,
        jitter_a_ms=round(chance.uniform(0, 30), 3) if has_media else None,
        jitter_b_ms=None,
        one_way=chance.choice([None] * 8 + ["a", "b"]),
        dead_air_a=chance.choice([None, 0.0, 3.5]),
        dead_air_b=None,
        capture_drops=chance.choice([0] * 9 + [3]),
        t38=chance.random() < 0.05,
        encrypted_media=chance.random() < 0.1,
        complete=chance.random() < 0.95,
        flags=chance.choice([[], [], ["no-rtp"], ["no-rtp", "shared-media"]]),
        user_agent_caller=chance.choice(["Phone_1/2.0", "gw", None]),
        streams=CALL.streams if has_media else [],
    )
