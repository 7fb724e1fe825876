"""Batches that expired before a stage read them: the calls they touched say so, and no others."""

from typing import Any

import pytest

from capture.publisher import RTCP, RTP, SIP, Publisher
from schemas.cdr import CallRecord
from schemas.media_windows import Unread
from streams.bounds import UNREAD_SPANS
from streams.records.missing import with_unread
from tests.system.sites import Listener, Speech, System
from tests.system.test_sensors import call, later
from tests.system.wire import Frame

SIP_UNREAD, MEDIA_UNREAD = "sip-unread", "media-unread"


def calls(*since_s: float, talk_s: float = 20.0) -> list[Frame]:
    """Calls named by when they begin."""
    return [
        frame
        for number, since in enumerate(since_s)
        for frame in call(since, talk_s, f"at {since:g}", number)
    ]


class Forgetful:
    """A log that has forgotten some of what was published when the stages come to read."""

    def __init__(self, system: System) -> None:
        self._log = system.runner.log
        self.lost: set[str] = set()

    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        if topic not in self.lost:
            self._log.append(topic, partition, key, value)


def heard(
    speech: Speech, lost: dict[str, range], partitions: int = 1, *, saves: bool = False
) -> tuple[System, dict[str, CallRecord]]:
    """The records by Call-ID where of each topic the flushes of a range were forgotten."""
    system = System(partitions, saves=saves)
    log = Forgetful(system)
    system.publisher = Publisher(log)
    for number, batches in enumerate(speech):
        log.lost = {topic for topic, gone in lost.items() if number in gone}
        system.take(batches)
        if saves:
            for worker in system.runner.workers:
                worker.restart(system.runner.log)
    return system, {record.call_id: record for record in system.newest.values()}


def flags(records: dict[str, CallRecord]) -> dict[str, set[str]]:
    return {name: {SIP_UNREAD, MEDIA_UNREAD} & set(record.flags) for name, record in records.items()}


def test_the_calls_that_ran_while_rtp_was_forgotten_say_so() -> None:
    speech = Listener("s1").says(calls(0, 30, 60))
    _, whole = heard(speech, {})
    assert flags(whole) == {"at 0": set(), "at 30": set(), "at 60": set()}
    system, found = heard(speech, {RTP: range(34, 40)})
    assert flags(found) == {"at 0": set(), "at 30": {MEDIA_UNREAD}, "at 60": set()}
    assert {name: found[name] for name in ("at 0", "at 60")} == {
        name: whole[name] for name in ("at 0", "at 60")
    }
    touched = found["at 30"]
    assert touched.packets_a is not None and whole["at 30"].packets_a is not None
    assert 200 < whole["at 30"].packets_a - touched.packets_a < 320
    assert touched.dead_air_a == touched.dead_air_b == 0  # nobody knows
    assert system.counters["rtp-batches-unread"] == 6


def test_a_call_whose_media_is_all_forgotten_is_not_called_silent() -> None:
    speech = Listener("s1").says(calls(0, 20, 60))
    _, found = heard(speech, {RTP: range(24)})  # from the very first batch on
    assert flags(found) == {"at 0": {MEDIA_UNREAD}, "at 20": {MEDIA_UNREAD}, "at 60": set()}
    assert found["at 0"].streams == [] and found["at 0"].mos is None
    assert "no-rtp" not in found["at 0"].flags
    assert found["at 0"].outcome == "answered"


def test_silence_outside_of_what_was_forgotten_is_still_dead_air() -> None:
    frames = calls(0, talk_s=40)
    silent = [
        f for f in frames if f.sip or f.ports[0] != 20000 or (f.time_us - frames[0].time_us) < 10_000_000
    ]
    speech = Listener("s1").says(silent)
    _, whole = heard(speech, {})
    _, found = heard(speech, {RTP: range(20, 26)})
    assert whole["at 0"].dead_air_a == pytest.approx(31, abs=0.5)
    # seven seconds lie between the batches read before and after, and flows are described every five
    assert found["at 0"].dead_air_a == pytest.approx(31 - 7 - 5, abs=0.5)


def test_calls_that_ran_while_sip_was_forgotten_say_so() -> None:
    speech = Listener("s1").says(calls(0, 30, 38, 90))
    system, found = heard(speech, {SIP: range(32, 36)})
    assert flags(found) == {"at 0": set(), "at 30": {SIP_UNREAD}, "at 38": {SIP_UNREAD}, "at 90": set()}
    assert "start-not-seen" in found["at 38"].flags  # its INVITE is among what was forgotten
    assert system.counters["sip-batches-unread"] == 4


def test_forgotten_rtcp_is_counted() -> None:
    system, found = heard(Listener("s1").says(calls(0)), {RTCP: range(4, 9)})
    assert flags(found) == {"at 0": set()}
    assert system.counters["rtcp-batches-unread"] == 5


@pytest.mark.parametrize("partitions", [1, 2, 8])
@pytest.mark.parametrize("saves", [False, True])
def test_partitions_and_restarts_change_nothing(partitions: int, saves: bool) -> None:
    speech = Listener("s1").says(calls(0, 20, 30, 60, 61))
    lost = {RTP: range(33, 44), SIP: range(31, 33)}
    expected, _ = heard(speech, lost)
    system, _ = heard(speech, lost, partitions, saves=saves)
    assert system.records() == expected.records()


def test_a_capture_that_begins_anew_misses_nothing() -> None:
    system = System()
    for batches in Listener("s1").says(calls(0), ends=False):
        system.take(batches)
    for batches in Listener("s1").says(calls(30, 60)):
        system.take(batches)
    assert {record.call_id: SIP_UNREAD in record.flags for record in system.newest.values()} == {
        "at 0": False, "at 30": False, "at 60": False,
    }  # fmt: skip
    assert not [name for name in system.counters if name.endswith("-unread") and system.counters[name]]


def test_a_record_that_was_made_says_it_when_it_is_known() -> None:
    """A sensor that fell back is no longer waited for; then it shows that of its RTP some was forgotten."""
    ahead, behind = Listener("s1").says(calls(0, 30)), Listener("s2").says(later(calls(0), 2), ends=False)
    system = System(gone_s=5)
    for batches in (ahead[0], behind[0], *behind[1:11]):
        system.take(batches)
    for batches in ahead[1:35]:
        system.take(batches)
    made = next(record for record in system.newest.values() if record.call_id == "at 0")
    assert made.complete and MEDIA_UNREAD not in made.flags
    for batches in behind[15:20]:
        system.take(batches)
    for batches in ahead[35:38]:
        system.take(batches)
    again = system.newest[made.cdr_id]
    assert again.version > made.version and MEDIA_UNREAD in again.flags


def test_times_that_are_kept_are_bounded() -> None:
    spans = with_unread([], [Unread(10 * n, 10 * n + 5) for n in range(UNREAD_SPANS + 3)])
    assert len(spans) == UNREAD_SPANS
    assert spans[0] == (0, 35) and spans[1] == (40, 45)
