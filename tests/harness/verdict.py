"""What is stored and published, held to the truth: none lost, none twice, none wrong."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from eventlog.kafka.reader import Reader, read_to_end
from eventlog.kafka.settings import KafkaSettings
from schemas.cdr import CallRecord
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.reader import read_calls
from tests.harness.traffic import Traffic, plain

SHOWN: Final = 5
"""Examples kept of each fault."""

SCHEDULE_US: Final = 2
"""The generator cuts times to microseconds."""


class Verdict(msgspec.Struct):
    """Counts of faults, and examples."""

    calls: int = 0
    lost: int = 0
    twice: int = 0
    wrong: int = 0
    examples: list[str] = []

    @property
    def good(self) -> bool:
        """Whether nothing is lost, twice or wrong."""
        return not (self.lost or self.twice or self.wrong)

    def is_lost(self, what: str) -> None:
        """Note something that is missing."""
        self.lost += 1
        self._note(f"lost: {what}")

    def is_twice(self, what: str) -> None:
        """Note something that is there more than once."""
        self.twice += 1
        self._note(f"twice: {what}")

    def is_wrong(self, what: str) -> None:
        """Note something that is not as it was."""
        self.wrong += 1
        self._note(f"wrong: {what}")

    def _note(self, text: str) -> None:
        if len(self.examples) < SHOWN:
            self.examples.append(text)


def judge(traffic: Traffic, db: str, kafka: KafkaSettings | None) -> Verdict:
    """Look at the store, and at the topics where there are some."""
    verdict = Verdict()
    with open_store(db) as store:
        _hold_calls(verdict, traffic, list(read_calls(store)), "cdr FINAL")
        _hold_rows(verdict, traffic, store)
    if kafka is not None:
        asyncio.run(_hold_topics(verdict, traffic, kafka))
    return verdict


def _hold_calls(verdict: Verdict, traffic: Traffic, calls: Iterable[CallRecord], where: str) -> None:
    found = Counter(call.call_id for call in calls)
    verdict.calls = len(found)
    for call_id in traffic.truth.keys() - found.keys():
        verdict.is_lost(f"{where}: {call_id}")
    for call_id, count in found.items():
        if count > 1:
            verdict.is_twice(f"{where}: {call_id}, {count} times")
    for call in calls:
        if call.call_id not in traffic.truth:
            verdict.is_wrong(f"{where}: {call.call_id} was never made")
        elif differing := _differing(call, traffic):
            verdict.is_wrong(f"{where}: {call.call_id}: {differing}")


def _differing(call: CallRecord, traffic: Traffic) -> str:
    """What of a record is neither as generated nor as `analyze` has it; empty where all is."""
    truth = traffic.truth[call.call_id]
    a, b = truth["streams"]
    exact = {
        "outcome": "answered", "response_code": 200, "hung_up_by": "caller", "end_reason": "bye",
        "complete": True, "caller": truth["from"], "callee": truth["to"],
        "lost_a": a["lost"], "lost_b": b["lost"],
        "packets_a": a["sent"] - a["lost"], "packets_b": b["sent"] - b["lost"],
    }  # fmt: skip
    for name, value in exact.items():
        if getattr(call, name) != value:
            return f"{name} {getattr(call, name)}, not {value}"
    for name, key in (("invite_time", "start"), ("answer_time", "answer"), ("bye_time", "end")):
        if abs((getattr(call, name) or 0) - truth[key] * 1e6) > SCHEDULE_US:
            return f"{name} {getattr(call, name)}, not {truth[key]}"
    streams = sorted((each.ssrc, each.expected, each.lost, each.duplicates) for each in call.streams)
    if streams != sorted((each["ssrc"], each["sent"], each["lost"], 0) for each in (a, b)):
        return f"streams {streams}"
    return _apart(plain(call), traffic.expected[call.call_id])


def _apart(found: bytes, expected: bytes) -> str:
    """The fields in which two records differ."""
    if found == expected:
        return ""
    one, other = msgspec.json.decode(found), msgspec.json.decode(expected)
    return ", ".join(
        f"{name} {one[name]}, analyze says {other[name]}" for name in one if one[name] != other[name]
    )


def _hold_rows(verdict: Verdict, traffic: Traffic, store: Store) -> None:
    """Streams, windows and what must not be there, by SQL."""

    def value(statement: str) -> Any:
        return store.client.query(statement).result_rows[0]

    rows, streams, packets = value(
        "SELECT count(), uniqExact(stream_id), sum(packets) FROM rtp_streams WHERE call_id != ''"
    )
    expected = [each for call in traffic.truth.values() for each in call["streams"]]
    sent = sum(each["sent"] - each["lost"] for each in expected)
    if rows > streams:
        verdict.is_twice(f"rtp_streams: {rows} rows of {streams} streams")
    if streams < len(expected):
        verdict.is_lost(f"rtp_streams: {len(expected) - streams} streams")
    if packets != sent:
        verdict.is_wrong(f"rtp_streams: {packets} packets, not {sent}")
    windows, distinct, packets = value(
        "SELECT count(), uniqExact(stream_id, window, part), sum(packets) FROM rtp_windows FINAL"
    )
    if windows != distinct:
        verdict.is_twice(f"rtp_windows: {windows} rows of {distinct} windows")
    if packets != sent:
        verdict.is_wrong(f"rtp_windows: {packets} packets, not {sent}")
    for table in ("rtp_unmatched", "cdr_rejected"):
        (count,) = value(f"SELECT count() FROM {table} FINAL")
        if count:
            verdict.is_wrong(f"{table}: {count} rows of traffic that has none")


async def _hold_topics(verdict: Verdict, traffic: Traffic, kafka: KafkaSettings) -> None:
    newest: dict[str, CallRecord] = {}
    async with Reader(kafka, ["cdr", "rtp.unmatched", "cdr.rejected", "dead.letters"]) as reader:
        for record in await read_to_end(reader):
            value = reader.decode(record)
            if not isinstance(value, CallRecord):
                verdict.is_wrong(f"{record.topic}: {value}"[:200])
            elif value.cdr_id not in newest or value.version > newest[value.cdr_id].version:
                newest[value.cdr_id] = value
            elif value.version == newest[value.cdr_id].version:
                verdict.is_twice(f"topic cdr: {value.call_id}, version {value.version}")
    _hold_calls(verdict, traffic, list(newest.values()), "topic cdr")
