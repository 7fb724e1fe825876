"""The ClickHouse sink over a store in this process: rows, refusals, back-pressure, a stream half heard."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from capture.files import open_capture
from capture.pace import part_of
from capture.publisher import Publisher
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from offhook.pipeline import Analysis
from offhook.settings import Settings
from schemas.cdr import UnmatchedStream
from sinks.clickhouse.client import Store
from sinks.clickhouse.sink import ClickHouseSink
from sinks.contract import BackPressureError, BadRecordError, Place
from sinks.settings import SinkSettings
from streams.memory import MemoryRunner
from tests.paths import TOOLS
from tests.sinks.records import call, count

TOPICS = ("cdr", "rtp.unmatched", "media.windows", "registrations")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three calls of three windows."""
    path = tmp_path_factory.mktemp("generated") / "calls.pcap"
    options = ["--calls", "3", "--seconds", "24", "--out", str(path)]
    subprocess.run([sys.executable, str(TOOLS / "gen_calls.py"), *options], check=True, capture_output=True)
    return path


def facts(capture: Path, account: str = "local", site: str = "local") -> Iterator[tuple[Place, Any]]:
    """What the stages say of a capture, in the order of each topic; windows in many small batches."""
    runner = MemoryRunner(reads=TOPICS)
    sensor, publisher = Sensor(account, site, "file", settings=CaptureSettings()), Publisher(runner.log)
    offsets = dict.fromkeys(TOPICS, 0)
    for batches in [*_fed(capture, sensor), sensor.close()]:
        publisher.publish(batches)
        runner.run()
        for topic in TOPICS:
            for entry in runner.facts(topic):
                yield Place(topic, 0, offsets[topic]), entry.value
                offsets[topic] += 1


def _fed(capture: Path, sensor: Sensor) -> Iterator[Any]:
    for block in open_capture(capture):
        for at in range(0, len(block.time_ns), 1000):
            yield sensor.feed(part_of(block, slice(at, at + 1000)))
            yield sensor.flush()


def windows(store: Store) -> Sequence[Sequence[Any]]:
    return store.client.query(
        "SELECT * EXCEPT (stored_at, expire_at) FROM rtp_windows FINAL ORDER BY stream_id, window, part"
    ).result_rows


def sink_of(store: Store, **settings: Any) -> ClickHouseSink:
    return ClickHouseSink(store, retention_days=0, settings=SinkSettings(**settings))


def test_windows_are_the_rows_of_analyze_also_where_a_sink_takes_over_in_the_middle(
    store: Store, capture: Path
) -> None:
    taken = [(place, value) for place, value in facts(capture) if place.topic == "media.windows"]
    assert len([value for _, value in taken if len(value.rows)]) > 2
    for each in taken:  # a sink for each batch knows nothing of the ones before
        sink = sink_of(store)
        sink.add(*each)
        assert sink.flush() == []
        assert sink.descriptions.unknown == 0
    rows = list(Analysis([str(capture)], Settings(), want=frozenset({"windows"})))
    expected = {
        (row.stream_id, row.window, row.part): (row.cdr_id, row.side, row.ssrc, row.codec, row.mos)  # type: ignore[union-attr]
        for row in rows
    }
    found = store.client.query(
        "SELECT stream_id, window, part, toString(cdr_id), side, ssrc, codec, mos FROM rtp_windows FINAL"
    ).result_rows
    assert {row[:3]: row[3:] for row in found} == expected


def test_a_batch_that_comes_twice_is_there_once(store: Store, capture: Path) -> None:
    for _ in range(2):
        sink = sink_of(store)
        for place, value in facts(capture):
            sink.add(place, value)
        assert sink.flush() == []
    assert count(store, "cdr FINAL") == count(store, "(SELECT DISTINCT cdr_id FROM cdr)") > 0
    once = windows(store)
    assert len(once) == len({(row[2], row[7], row[8]) for row in once}) > 0


def test_streams_without_a_call_belong_to_the_account_that_heard_them(store: Store, capture: Path) -> None:
    sink = sink_of(store)
    call = next(value for place, value in facts(capture) if place.topic == "cdr" and value.streams)
    streams = [replace(stream, cdr_id=None, call_id=None) for stream in call.streams[:2]]
    for account, stream in zip(("acc", "other"), streams, strict=True):
        sink.add(Place("rtp.unmatched", 0, 0), UnmatchedStream(account, "berlin", stream))
    assert sink.flush() == []
    found = store.client.query("SELECT account, site, stream_id FROM rtp_unmatched ORDER BY account")
    assert found.result_rows == [
        ("acc", "berlin", streams[0].stream_id),
        ("other", "berlin", streams[1].stream_id),
    ]


def test_a_row_that_the_store_refuses_does_not_take_its_batch_with_it(store: Store) -> None:
    sink = sink_of(store)
    for number in range(20):
        sink.add(Place("cdr", 1, number), call(number, src_port=70_000 if number == 7 else 5060))
    (refusal,) = sink.flush()
    assert refusal.place == Place("cdr", 1, 7)
    assert "cdr" in refusal.reason
    assert count(store, "cdr") == 19
    assert sink.figures.rows["cdr"] == 19


def test_an_event_of_another_topic_is_a_bad_record(store: Store) -> None:
    with pytest.raises(BadRecordError, match="registrations carries Registration, this is CallRecord"):
        sink_of(store).add(Place("registrations", 0, 0), call())


def test_back_pressure_grows_keeps_nothing_and_ends(store: Store) -> None:
    sink = sink_of(store)
    waits = []
    store.client.command("RENAME TABLE cdr TO elsewhere")
    for _ in range(9):
        sink.add(Place("cdr", 0, 0), call(1))
        with pytest.raises(BackPressureError) as pressure:
            sink.flush()
        waits.append(pressure.value.retry_s)
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert waits[-1] == 30.0
    assert sink.flush() == []
    store.client.command("RENAME TABLE elsewhere TO cdr")
    sink.add(Place("cdr", 0, 0), call(1))
    assert sink.flush() == []
    assert count(store, "cdr") == 1


def test_a_batch_is_full_by_rows_and_by_bytes(store: Store) -> None:
    by_rows, by_bytes = sink_of(store, batch_rows=3), sink_of(store, batch_mb=1)
    for number in range(3):
        assert not by_rows.full
        by_rows.add(Place("cdr", 0, number), call(number))
    assert by_rows.full
    while not by_bytes.full:
        by_bytes.add(Place("cdr", 0, 0), call(0))
    by_bytes.drop()
    assert not by_bytes.full
