"""A sensor on a wire, over Kafka: its calls are the truth's, and its death is shown as drops, all of them."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from eventlog.kafka.reader import Reader, read_to_end
from schemas.clock import NOT_STARTED
from tests.kafka_broker import Kafka
from tests.link import Link, Player, link
from tests.offhook.test_up import Up
from tests.paths import ROOT, TOOLS
from tests.system.kafka_runs import ARRIVES_S, Run, running

CALLS, TALK_S, STAGGER_S, DIES_S = 40, 8, 12, 11
TRAFFIC = f"--calls {CALLS} --seconds {TALK_S} --stagger {STAGGER_S} --loss 2 --jitter-ms 3"
NEAR_S = 0.6
"""How far beyond a death a call has to lie to be sure that it was not touched."""


class Traffic(NamedTuple):
    """A capture, and what the generator says of it."""

    capture: Path
    truth: dict[str, Any]

    @property
    def first_s(self) -> float:
        """The time of its first frame."""
        return float(min(call["start"] for call in self.truth["calls"]))


class Heard(NamedTuple):
    """What a sensor published, in numbers."""

    packets: int
    away: int
    dropped: list[tuple[int, int, int]]


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    folder = tmp_path_factory.mktemp("wire")
    capture, truth = folder / "calls.pcap", folder / "truth.json"
    command = [sys.executable, TOOLS / "gen_calls.py", *TRAFFIC.split(), "--out", capture, "--truth", truth]
    subprocess.run(command, check=True, capture_output=True)
    return Traffic(capture, json.loads(truth.read_bytes()))


@pytest.fixture
def ends() -> Iterator[Link]:
    with link() as made:
        yield made


def listen(run: Run, ends: Link) -> "subprocess.Popen[bytes]":
    """Start the sensor, and wait until it hears."""
    lives = run.log("wire").count('"capture starts"')
    sensor = run.hear(ends.near)
    deadline = time.monotonic() + ARRIVES_S
    while run.log("wire").count('"capture starts"') == lives:
        assert sensor.poll() is None, run.log("wire")[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return sensor


@contextmanager
def hearing(
    kafka: Kafka, prefix: str, folder: Path, ends: Link
) -> Iterator[tuple[Run, "subprocess.Popen[bytes]"]]:
    """An installation with a worker, and its sensor on the wire."""
    with running(kafka, prefix, 2, folder) as run:
        run.start("w0")
        run.ready("w0")
        yield run, listen(run, ends)


def records(run: Run, count: int) -> dict[str, dict[str, Any]]:
    """By Call-ID, as soon as there are so many."""
    deadline = time.monotonic() + ARRIVES_S
    while True:
        found = [json.loads(call) for call in run.outcome().calls.values()]
        if len(found) >= count or time.monotonic() > deadline:
            return {call["call_id"]: call for call in found}
        time.sleep(0.3)


def told(run: Run) -> Heard:
    """What Kafka has of the sensor."""

    async def read() -> list[tuple[str, Any]]:
        topics = ["sip.messages", "rtp.packets", "rtcp.packets", "capture.health"]
        async with Reader(run.settings, topics) as reader:
            return [(record.topic, reader.decode(record)) for record in await read_to_end(reader)]

    packets = away = 0
    dropped = set()
    for topic, value in asyncio.run(read()):
        if topic == "capture.health":
            away += value.drops.get("away", 0)
        elif topic == "rtp.packets":
            packets += len(value.arrival_us)
        elif topic == "rtcp.packets":
            packets += len(value.packets)
        else:
            packets += len(value.messages)
            dropped |= {(each.from_us, each.to_us, each.packets) for each in value.dropped}
    return Heard(packets, away, sorted(dropped))


def figures(call: dict[str, Any]) -> dict[int, tuple[int, int]]:
    return {each["ssrc"]: (each["sent"], each["lost"]) for each in call["streams"]}


def measured(record: dict[str, Any]) -> dict[int, tuple[int, int]]:
    return {each["ssrc"]: (each["expected"], each["lost"]) for each in record["streams"]}


def test_calls_on_a_wire_are_the_truth(
    kafka: Kafka, prefix: str, tmp_path: Path, traffic: Traffic, ends: Link
) -> None:
    with hearing(kafka, prefix, tmp_path, ends) as (run, sensor):
        player = Player(traffic.capture, ends.far)
        player.start()
        player.join()
        found = records(run, CALLS)
        assert found.keys() == {call["call_id"] for call in traffic.truth["calls"]}
        for call in traffic.truth["calls"]:
            record = found[call["call_id"]]
            assert (record["outcome"], record["hung_up_by"]) == ("answered", "caller")
            assert measured(record) == figures(call)
            assert record["capture_drops"] == 0
            assert not {"capture-drops", "start-not-seen", "one-way"} & set(record["flags"])
            on_the_wire_s = call["start"] + player.began_s - traffic.first_s
            assert record["start"] / 1e6 == pytest.approx(on_the_wire_s, abs=0.5)  # the kernel's own time
        sensor.send_signal(signal.SIGTERM)
        assert sensor.wait(15) == 0, run.log("wire")[-3000:]
        heard = told(run)
        assert heard.packets == player.sent
        assert heard.away == 0
        assert heard.dropped == [(NOT_STARTED, heard.dropped[0][1], 0)]


def test_the_death_of_a_sensor_is_shown_as_drops(
    kafka: Kafka, prefix: str, tmp_path: Path, traffic: Traffic, ends: Link
) -> None:
    with hearing(kafka, prefix, tmp_path, ends) as (run, first):
        player = Player(traffic.capture, ends.far)
        player.start()
        time.sleep(DIES_S)
        first.kill()
        died_s = time.time()
        first.wait(10)
        time.sleep(1.0)
        sensor = listen(run, ends)
        back_s = time.time()
        player.join()
        shift_s = player.began_s - traffic.first_s  # packet time is the time on the wire
        spans = {
            call["call_id"]: (call["start"] + shift_s, call["end"] + shift_s)
            for call in traffic.truth["calls"]
        }
        apart = {
            call_id
            for call_id, (start, end) in spans.items()
            if end < died_s - NEAR_S or start > back_s + NEAR_S
        }
        through = {
            call_id
            for call_id, (start, end) in spans.items()
            if start < died_s - NEAR_S and end > back_s + NEAR_S
        }
        assert apart
        assert through
        found = records(run, len(apart | through))
        for call in traffic.truth["calls"]:
            record = found.get(call["call_id"])
            if call["call_id"] in apart:
                assert record is not None
                assert measured(record) == figures(call)
                assert record["capture_drops"] == 0
                assert "capture-drops" not in record["flags"]
            elif call["call_id"] in through:
                assert record is not None
                assert "capture-drops" in record["flags"]
                assert record["capture_drops"] > 0
                assert record["dead_air_a"] == record["dead_air_b"] == 0  # silence that is ours
                assert record["one_way"] is None
        sensor.send_signal(signal.SIGTERM)
        assert sensor.wait(15) == 0, run.log("wire")[-3000:]
        heard = told(run)
        missed = player.sent - heard.packets
        a_second = player.sent / (STAGGER_S + TALK_S)
        assert 0 < missed <= heard.away <= missed + a_second
        assert [packets for _, _, packets in heard.dropped] == [0, heard.away]


def test_offhook_up_hears_a_wire_and_says_what_its_death_cost(
    tmp_path: Path, traffic: Traffic, ends: Link
) -> None:
    options = ("--interface", ends.near, "--state", str(tmp_path / "state"))
    ended = "SELECT count() FROM cdr FINAL WHERE complete"
    player = Player(traffic.capture, ends.far)
    with Up(tmp_path, *options) as up:
        player.start()
        time.sleep(DIES_S)
        before = int(up.sql(ended))
        up.process.kill()
        up.process.wait(10)
    with Up(tmp_path, *options) as up:
        player.join()
        touched = f"{ended} AND has(flags, 'capture-drops')"
        deadline = time.monotonic() + ARRIVES_S
        while int(up.sql(ended)) == before or not int(up.sql(touched)):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        packets = up.sql(
            "SELECT min(capture_drops), max(capture_drops) FROM cdr FINAL WHERE capture_drops > 0"
        )
        least, most = map(int, packets.split())
        assert 0 < least == most < player.sent
        assert up.metric('offhook_capture_drops_total{reason="away"}') == most
        assert up.metric('offhook_capture_drops_total{reason="kernel"}') == 0
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(15) == 0
    again = subprocess.run(
        [sys.executable, "-m", "offhook.main", "up", "--state", str(tmp_path / "state"), "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert f"is not finished: start with --interface {ends.near}" in again.stderr
