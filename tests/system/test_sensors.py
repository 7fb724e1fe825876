"""Several sensors of a site, and several sites: the rules of DESIGN's `Sensors`, over the whole system."""

import random
from collections.abc import Iterable

import pytest

from schemas.cdr import CallRecord
from streams.media.media import Media
from tests.system.sites import Listener, System
from tests.system.story import Dialog, at, rtp, sdp
from tests.system.wire import Frame

A, B = ("10.0.0.1", 20000), ("10.0.0.2", 30000)


def call(since_s: float = 0.0, talk_s: float = 20.0, call_id: str = "call", number: int = 0) -> list[Frame]:
    """A call that is answered after a second, and its media until just before the BYE."""
    a, b = (A[0], A[1] + 4 * number), (B[0], B[1] + 4 * number)
    dialog = Dialog(call_id)
    dialog.answered(sdp(a), sdp(b)).hang_up(1.0 + talk_s)
    media = rtp(a, b, 1.1, 1.0 + talk_s, ssrc=7 + 2 * number) + rtp(
        b, a, 1.1, 1.0 + talk_s, ssrc=8 + 2 * number
    )
    return [frame.later(round(since_s * 1e6)) for frame in dialog.frames + media]


def sip(frames: Iterable[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.sip]


def but(frames: Iterable[Frame], source: tuple[str, int], every: int) -> list[Frame]:
    """Without each so many-eth RTP packet of a source."""
    return [frame for frame in frames if frame.sip or frame.ports[0] != source[1] or frame.sequence % every]


def between(frames: Iterable[Frame], since_s: float, until_s: float) -> list[Frame]:
    return [frame for frame in frames if at(since_s) <= frame.time_us < at(until_s)]


def later(frames: Iterable[Frame], ms: float) -> list[Frame]:
    return [frame.later(round(ms * 1000)) for frame in frames]


def by_second(frames: Iterable[Frame]) -> dict[int, list[Frame]]:
    found: dict[int, list[Frame]] = {}
    for frame in frames:
        found.setdefault((frame.time_us - at(0)) // 1_000_000, []).append(frame)
    return found


def used(record: CallRecord, side: str) -> list[str | None]:
    return [stream.sensor_id for stream in record.streams if stream.side == side]


# several sensors hear the same call


@pytest.fixture(scope="module")
def alone() -> CallRecord:
    system = System()
    for batches in Listener("s1").says(call()):
        system.take(batches)
    return system.only()


def heard_by_two(system: System, seed: int) -> None:
    frames = call()
    first = Listener("s1").says(but(frames, A, 20))
    second = Listener("s2").says(later(but(frames, B, 20), 3), every_us=700_000)
    system.interleave([first, second], seed)


def test_a_call_heard_by_two_sensors_is_one_record(alone: CallRecord) -> None:
    system = System(gone_s=0)
    heard_by_two(system, 1)
    record = system.only()
    assert (record.sensor_id, record.sensor_ids) == ("s1", ["s1", "s2"])
    assert record.sip_messages == alone.sip_messages and record.invite_retransmissions == 0
    for name in ("invite_time", "ringing_time", "answer_time", "bye_time", "duration", "pdd"):
        assert getattr(record, name) == getattr(alone, name), name  # by the clock of s1
    assert (used(record, "a"), used(record, "b")) == (["s2"], ["s1"])  # each misses packets of the other side
    assert (record.packets_a, record.packets_b) == (alone.packets_a, alone.packets_b)
    assert record.lost_a == record.lost_b == 0
    assert record.dead_air_a == record.dead_air_b == 0
    assert system.counters.get("late", 0) == 0


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_order_in_which_sensors_speak_does_not_matter(partitions: int) -> None:
    expected = System(gone_s=0)
    heard_by_two(expected, 0)
    for seed in range(1, 5):
        system = System(partitions, gone_s=0, encode=seed == 2, saves=seed >= 3)
        heard_by_two(system, seed)
        assert system.records() == expected.records(), seed


def test_of_two_that_heard_the_same_the_lower_name_is_taken(alone: CallRecord) -> None:
    system = System()
    frames = call()
    system.interleave([Listener("s2").says(frames), Listener("s1").says(later(frames, 2))], 1)
    record = system.only()
    assert record.sensor_id == "s2"  # heard the INVITE first
    assert used(record, "a") == used(record, "b") == ["s1"]
    assert record.packets_a == alone.packets_a


def test_retransmissions_count_as_often_as_the_sensor_that_heard_most_says() -> None:
    frames = call()
    invite = frames[0]
    again = [invite.later(500_000), invite.later(1_500_000)]
    system = System(gone_s=0)
    speeches = [Listener("s1").says([*frames, again[0]]), Listener("s2").says(later([*frames, *again], 3))]
    system.interleave(speeches, 1)
    assert system.only().invite_retransmissions == 2


@pytest.mark.parametrize("ahead_ms", [3000, 4, -0.5])
def test_durations_are_by_one_clock(alone: CallRecord, ahead_ms: float) -> None:
    """s2's clock is another, and it alone hears the end."""
    frames = call()
    first, second = between(frames, 0, 20.9), later(frames, ahead_ms)
    if ahead_ms < 0:
        first, second = later(frames, 0), later(between(frames, 0, 20.9), ahead_ms)
    system = System(gone_s=0)
    system.interleave([Listener("s1").says(first), Listener("s2").says(second)], 7)
    record = system.only()
    for name in ("duration", "connect_duration", "pdd", "post_bye_delay", "outcome", "end_reason"):
        assert getattr(record, name) == getattr(alone, name), name


def test_a_sensor_that_heard_less_of_the_media_and_no_signalling_is_named() -> None:
    frames = call()
    system = System(gone_s=0)
    media = [frame for frame in but(frames, A, 10) if not frame.sip]
    system.interleave([Listener("s1").says(frames), Listener("s2").says(later(media, 1))], 2)
    assert system.only().sensor_ids == ["s1", "s2"]
    assert used(system.only(), "a") == ["s1"]


# one of them dies


def test_what_a_dead_sensor_no_longer_hears_is_taken_from_the_other() -> None:
    """s1 hears 40 s and dies; s2 hears media from the 30th second on only."""
    frames = call(talk_s=60.0)
    system = System(gone_s=0)
    first = Listener("s1").says(between(frames, 0, 41))
    second = Listener("s2").says(later(sip(frames) + between(frames, 30, 100), 2))
    system.interleave([first, second], 3)
    record = system.only()
    assert used(record, "a") == used(record, "b") == ["s1", "s2"]
    assert record.packets_a is not None and abs(record.packets_a - 59.9 * 50) < 5
    assert record.lost_a == record.lost_b == 0
    assert record.dead_air_a == record.dead_air_b == 0 and record.one_way is None
    assert record.mos_a is not None and record.mos_a > 4.3
    first_part, second_part = [stream for stream in record.streams if stream.side == "a"]
    assert second_part.first_time - first_part.last_time <= 20_000


def test_calls_go_on_when_a_sensor_dies_and_it_may_come_back() -> None:
    frames = call(talk_s=20.0) + call(10.0, 30.0, "second", 1)
    lasting = by_second(frames)
    system = System()
    first, second = Listener("s1"), Listener("s2")
    for s in range(100):
        if s < 15:
            system.take(first.hears(lasting.get(s, [])))
        system.take(second.hears(lasting.get(s, [])) + second.idles(at(s + 1)))
        held = s - 13 <= 30  # s1 has spoken up to the 13th second
        assert (len(system.newest) == 0) if held else ("call" in ids(system)), s
    assert ids(system) == {"call", "second"}
    assert all(record.complete and record.sensor_ids == ["s1", "s2"] for record in system.newest.values())
    assert system.counters.get("late", 0) == system.counters.get("rtp-late", 0) == 0

    # it says what it still had, too late, and goes on
    before = dict(system.newest)
    system.take(first.hears(between(frames, 15, 25)))
    assert system.counters["late"] == 2 and system.counters["rtp-late"] > 500  # BYE and its 200
    assert system.newest.keys() == before.keys()  # s2 has told of this call
    assert system.counters["late-without-call"] == 2
    third = by_second(call(110.0, 5.0, "third", 2))
    system.take(first.idles(at(105)))
    late = system.counters["late"]
    for s in range(101, 130):
        system.take(second.idles(at(s)))
        if s % 10 == 5:  # it is waited for again
            assert "third" not in ids(system)
            heard = [frame for number in range(s - 10, s) for frame in third.get(number, [])]
            system.take(first.hears(heard) + first.idles(at(s)))
    assert "third" in ids(system) and system.counters["late"] == late


def ids(system: System) -> set[str]:
    return {record.call_id for record in system.newest.values()}


def test_the_only_sensor_of_a_site_is_waited_for_without_limit() -> None:
    frames = call()
    system = System()
    alone, other = Listener("s1", site="small"), Listener("s1", site="hq")
    system.take(alone.hears(between(frames, 0, 15)))
    for s in range(0, 4000, 100):
        system.take(other.idles(at(s)))
    assert not system.newest
    system.take(alone.hears(between(frames, 15, 100)) + alone.idles(at(40)))
    assert system.only().outcome == "answered" and system.counters.get("late", 0) == 0


def test_a_sensor_that_ended_is_not_waited_for_and_the_other_goes_on() -> None:
    system = System()
    first, second = Listener("s1"), Listener("s2")
    system.take(second.hears(sip(call())[:1]))
    for batches in first.says(call()):
        system.take(batches)
    assert not system.newest  # s2 has not said that it is over
    system.take(second.hears([]) + second.idles(at(60)))
    assert system.only().end_reason == "bye"


# one of them catches up


@pytest.mark.parametrize("behind_s", [100, 550])
def test_a_sensor_that_catches_up_is_waited_for(behind_s: int) -> None:
    """s2 alone hears a call, and sends it when s1 is far ahead."""
    system = System()
    first, second = Listener("s1"), Listener("s2")
    system.take(first.idles(at(0)) + second.idles(at(0)))
    system.take(second.hears(between(call(), 0, 2)), behind_us=behind_s * 1_000_000)
    for s in range(0, behind_s, 5):
        system.take(first.idles(at(s)))
    for s in range(2, 60):
        behind = (behind_s - s) * 1_000_000
        system.take(second.hears(by_second(call()).get(s, [])) + second.idles(at(s + 1)), behind)
    record = system.only()
    assert (record.outcome, record.end_reason, record.lost_a) == ("answered", "bye", 0)
    assert system.counters.get("late", 0) == system.counters.get("rtp-late", 0) == 0


def test_one_that_is_behind_by_more_is_late_and_counted() -> None:
    """An hour behind: what it says comes too late, is counted, and still makes a record."""
    system = System()
    first, second = Listener("s1"), Listener("s2")
    system.take(first.idles(at(0)) + second.idles(at(0)))
    other = call(1000.0, 10.0, "heard by s1", 1)
    for s in range(0, 3600, 100):
        system.take(first.hears(between(other, s, s + 100)) + first.idles(at(s + 99)))
    assert ids(system) == {"heard by s1"}
    system.take(second.hears(call()) + second.idles(at(30)), behind_us=3_570_000_000)
    system.take(first.idles(at(3700)))
    assert system.counters["late"] == len(sip(call())) and system.counters["rtp-late"] > 1000
    assert ids(system) == {"heard by s1", "call"}
    assert ["late" in record.flags for record in system.newest.values()] == [False, True]


def test_a_new_sensor_with_an_older_clock() -> None:
    system = System()
    first, second = Listener("s1"), Listener("s2")
    system.take(first.idles(at(50)))
    system.take(second.hears(between(call(), 0, 10)))  # says nothing of being behind
    late = system.counters["late"]
    assert late == len(sip(between(call(), 0, 9)))  # the last second is in its sort buffer
    system.take(second.idles(at(45)))
    new = call(60.0, 5.0, "new", 1)
    system.take(first.idles(at(75)))
    system.take(second.hears(between(new, 0, 70)) + second.idles(at(75)))
    system.take(first.idles(at(100)) + second.idles(at(100)))
    assert "new" in ids(system) and system.counters["late"] == late


# idle sites


def test_timers_of_an_idle_site_fire_by_its_sensors_watermark() -> None:
    system = System()
    listener, other = Listener("s1", site="quiet"), Listener("s1", site="busy")
    ringing = Dialog("rings").request(0.0, "INVITE", sdp(A)).response(0.1, 180).frames
    system.take(listener.hears(ringing))
    for s in range(0, 3600, 60):
        frames = call(float(s), 10.0, f"busy {s}", s // 60)
        system.take(other.hears(frames) + other.idles(at(s + 59)))
    assert len(system.newest) == 60  # the busy site waits for nobody
    system.take(listener.idles(at(200)))
    assert "rings" not in ids(system)
    system.take(listener.idles(at(20_000)))
    assert "rings" in ids(system)
    record = next(record for record in system.newest.values() if record.call_id == "rings")
    assert record.outcome == "unanswered" and record.end_time == at(0.1)


def test_the_ledger_waits_for_an_idle_site_that_lives_and_leaves_one_that_is_gone() -> None:
    system = System(2, channels_max=1)
    busy, quiet = Listener("s1", site="busy"), Listener("s1", site="quiet")
    frames = by_second(call(0.0, 5.0, "one") + call(2.0, 5.0, "two", 1) + call(60.0, 5.0, "three", 2))
    rejected: list[str] = []
    for s in range(120):
        if s < 40:
            system.take(quiet.idles(at(s)))
        system.take(busy.hears(frames.get(s, [])) + busy.idles(at(s + 1)))
        rejected += [entry.value.call_id for entry in system.runner.facts("cdr.rejected")]
        if s == 30:
            assert ids(system) == {"one"} and rejected == ["two"]
    assert ids(system) == {"one", "three"}
    assert system.counters.get("channel_events_late", 0) == 0


# ticks


def test_empty_ticks_are_few_whenever_sensors_flush() -> None:
    """Five sensors flush every 200 ms, each at another time, a step each."""
    system = System(4)
    sensors = [Listener(f"s{n}") for n in range(5)]
    seconds, partitions = 10, 4
    for tick in range(seconds * 25):
        system.take(sensors[tick % 5].idles(at(tick * 0.04)))
    most = partitions * partitions * (seconds * 5 + 5)
    assert 0.8 * most < system.facts["media.endpoints"] <= most
    assert 0.8 * most < system.facts["media.windows"] <= most


def test_rtp_of_a_dead_sensor_does_not_hold_media() -> None:
    """s2 dies having spoken on all topics; media's rows for s1 alone still come."""
    system = System(2)
    first, second = Listener("s1"), Listener("s2")
    system.take(second.hears(sip(call())[:2]))
    rng = random.Random(5)
    for s, frames in sorted(by_second(call(talk_s=60.0)).items()):
        system.publisher.publish(first.hears(frames) + first.idles(at(s + 1)))
        system.run(rng)
    system.take(first.idles(at(100)))
    record = system.only()
    assert record.packets_a == record.packets_b == 2995 and record.complete


@pytest.mark.parametrize("name", ["s1", "s2"])
@pytest.mark.parametrize("since_s", [-100, 0, 100])
def test_a_site_whose_sensors_have_ended_takes_nothing_more(name: str, since_s: float) -> None:
    system = System(saves=True)
    for batches in Listener("s1").says(call()):
        system.take(batches)
    before, frames = system.records(), call(since_s, call_id="later", number=1)
    for batches in Listener(name).says(frames):
        system.take(batches)
    assert system.records() == before
    assert system.counters["sip-after-end"] == len(sip(frames))
    assert system.counters["rtp-after-end"] == len(frames) - len(sip(frames))
    (media,) = (worker.stage for worker in system.runner.workers if isinstance(worker.stage, Media))
    for site in media.sites.values():  # nothing piles up
        assert not site.measuring.pending
        assert not site.announcements.events
