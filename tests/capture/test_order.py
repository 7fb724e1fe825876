"""Packet time: the sort buffer, the watermark, clock steps and single bad times."""

import pytest

from schemas.clock import END_OF_CAPTURE
from tests.capture.listening import blocks_of, listen, sensor
from tests.capture.packets import PTIME_NS, START_NS, A, B, frame, sip, stream, udp
from tests.capture.writers import Frame

SECOND = 1_000_000_000


def message(time_ns: int, call_id: str) -> Frame:
    return frame(udp(sip(call_id=call_id), (A, 5060), (B, 5060)), time_ns)


def call_ids(heard: list[bytes]) -> list[str]:
    return [raw.split(b"Call-ID: ")[1].split(b"\r")[0].decode() for raw in heard]


def test_a_flush_keeps_the_last_second_and_says_so() -> None:
    by = sensor()
    frames = [message(START_NS + n * SECOND // 2, str(n)) for n in range(4)]
    (block,) = blocks_of(frames)
    assert by.feed(block) == []
    first, _, _ = by.flush()
    assert call_ids([one.raw for one in first.messages]) == ["0"]
    assert first.clock_us == START_NS // 1000 + 500_000
    rest, _, _, last, *_ = by.close()
    assert call_ids([one.raw for one in rest.messages]) == ["1", "2", "3"]
    assert rest.clock_us == START_NS // 1000 + 1_500_001
    assert (last.messages, last.clock_us) == ([], END_OF_CAPTURE)


def test_a_batch_is_due_after_two_seconds_of_packets() -> None:
    by = sensor()
    sent = [by.feed(block) for block in blocks_of(stream(200), 1)]
    assert [n for n, batches in enumerate(sent) if batches] == [101]
    assert [type(batch).__name__ for batch in sent[101]] == ["SipBatch", "RtcpBatch", "RtpBatch"]
    assert len({batch.clock_us for batch in sent[101]}) == 1


def test_an_older_packet_within_a_second_takes_its_place() -> None:
    times = [0, 900, 300, 1200, 250, 1300]
    heard = listen(blocks_of([message(START_NS + t * 1_000_000, str(t)) for t in times]))
    assert call_ids([one.raw for one in heard.sip]) == ["0", "250", "300", "900", "1200", "1300"]
    assert "misordered" not in heard.counters


def test_a_packet_over_a_second_late_keeps_its_time_and_is_counted() -> None:
    times = [0, 5000, 1000, 4100, 5500]
    heard = listen(blocks_of([message(START_NS + t * 1_000_000, str(t)) for t in times]))
    assert call_ids([one.raw for one in heard.sip]) == ["0", "1000", "4100", "5000", "5500"]
    assert heard.sip[1].time_us == START_NS // 1000 + 1_000_000
    assert heard.counters["misordered"] == 1


def test_the_sort_buffer_is_a_setting() -> None:
    by = sensor(sort_buffer_ms=200)
    times = [0, 900, 750, 600]
    (block,) = blocks_of([message(START_NS + t * 1_000_000, str(t)) for t in times])
    by.feed(block)
    first, _, _ = by.flush()
    assert call_ids([one.raw for one in first.messages]) == ["0"]
    assert first.clock_us == START_NS // 1000 + 700_000
    rest, *_ = by.close()
    assert call_ids([one.raw for one in rest.messages]) == ["600", "750", "900"]
    assert by.counters["misordered"] == 1


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("jump_s", [3600, -3600, 86_400 * 3000, -1_600_000_000])
def test_one_bad_time_is_put_right_and_counted(size: int, jump_s: int) -> None:
    frames = stream(60)
    bad = frames[20]._replace(time_ns=frames[20].time_ns + jump_s * SECOND)
    heard = listen(blocks_of([*frames[:20], bad, *frames[21:]], size))
    (flow,) = heard.flows.values()
    assert heard.counters == {"rtp": 60, "bad_time": 1}
    assert [packet[1] for packet in flow.packets] == [(65_530 + n) % 65_536 for n in range(60)]
    assert flow.packets[20][0] == flow.packets[19][0]
    assert all(clock < START_NS // 1000 + 2_000_000 for clock in heard.clocks[:-1])


def test_the_first_packet_with_a_bad_time_does_not_set_the_clock() -> None:
    frames = stream(120)
    bad = frames[0]._replace(time_ns=frames[0].time_ns + 86_400 * SECOND)
    heard = listen(blocks_of([bad, *frames[1:]]))
    assert heard.counters == {"rtp": 120, "bad_time": 1}
    assert heard.clocks[0] < START_NS // 1000 + 3_000_000


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_clock_set_forward_is_believed(size: int) -> None:
    frames = [
        one._replace(time_ns=one.time_ns + (n >= 20) * 7200 * SECOND) for n, one in enumerate(stream(60))
    ]
    heard = listen(blocks_of(frames, size))
    assert heard.counters == {"rtp": 60}
    assert [len(flow.packets) for flow in heard.flows.values()] == [20, 40]  # silent for over the idle time


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_clock_set_back_keeps_order_and_time_but_not_the_watermark(size: int) -> None:
    back = 7200 * SECOND
    frames = [one._replace(time_ns=one.time_ns - (n >= 20) * back) for n, one in enumerate(stream(60))]
    heard = listen(blocks_of(frames, size))
    (flow,) = heard.flows.values()
    assert heard.counters == {"rtp": 60, "clock_steps": 1}
    assert [packet[1] for packet in flow.packets[20:]] == [(65_530 + n) % 65_536 for n in range(20, 60)]
    assert flow.packets[20][0] == (START_NS + 20 * PTIME_NS - back) // 1000
    assert heard.clocks == sorted(heard.clocks)


def test_captures_pasted_together_end_to_end_are_read_in_file_order() -> None:
    """Two packets each, years apart, in any order: nothing is lost, nothing waits."""
    years = [3, 1, 4, 1, 5, 9, 2, 6]
    frames = [
        message(START_NS + year * 31_536_000 * SECOND + n * SECOND, f"{place}.{n}")
        for place, year in enumerate(years)
        for n in range(2)
    ]
    heard = listen(blocks_of(frames, 3))
    expected = [f"{place}.{n}" for place in range(8) for n in range(2)]
    assert sorted(call_ids([one.raw for one in heard.sip])) == expected
    assert heard.counters["clock_steps"] + heard.counters.get("bad_time", 0) >= 3


def test_a_quiet_link_is_no_bad_time() -> None:
    frames = [message(START_NS + n * 300 * SECOND, str(n)) for n in range(30)]
    heard = listen(blocks_of(frames))
    assert call_ids([one.raw for one in heard.sip]) == [str(n) for n in range(30)]
    assert "bad_time" not in heard.counters


def test_a_clock_that_stands_still_fills_the_sort_buffer_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.flows.ROWS_MAX", 131_072)
    frames = [one._replace(time_ns=0) for one in stream(300)] * 500
    heard = listen(blocks_of(frames, 30_000))
    assert heard.counters == {"rtp": 150_000, "sort_buffer_full": 1}
    assert sum(len(flow.packets) for flow in heard.flows.values()) == 150_000


def test_on_a_live_link_the_first_packet_after_a_long_silence_waits_for_no_other() -> None:
    by = sensor(sort_buffer_ms=100)
    begins, later = START_NS, START_NS + 600 * SECOND
    (first,) = blocks_of([message(begins, "first")])
    assert by.feed(first) == []
    heard, _, _ = by.flush(begins // 1000 + 1_000_000)[-3:]
    assert call_ids([one.raw for one in heard.messages]) == ["first"]
    by.flush(later // 1000 - 100_000)
    (second,) = blocks_of([message(later, "second")])
    by.feed(second)
    heard, _, _ = by.flush(later // 1000 + 1_000_000)[-3:]
    assert call_ids([one.raw for one in heard.messages]) == ["second"]
    assert heard.messages[0].time_us == later // 1000
    assert not by.counters["clock_steps"] and not by.counters["misordered"]
