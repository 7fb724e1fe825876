"""The reducer: when records are made, what makes new versions, and that no order or restart shows."""

from collections.abc import Sequence
from copy import deepcopy

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.cdr import CallRecord, UnmatchedStream
from schemas.channels import ChannelDecision
from schemas.clock import END_OF_CAPTURE
from schemas.media_windows import RtcpSummary, W, WindowBatch
from streams.bounds import STREAMS_PER_CALL_MAX
from streams.dialogs.call import CAPTURE_END, TIMEOUT_ABSOLUTE, Call
from streams.records.records import Records
from streams.settings import RecordSettings
from tests.streams.records.calls import (
    SITE,
    T0,
    Stream,
    answered,
    at,
    batch,
    call,
    clock_batch,
    ended,
    hang_up,
    record,
    run,
)


def records(**values: int) -> Records:
    """One partition that hears one media partition."""
    return Records(0, 1, RecordSettings(**values))


def step(made: Records, clock: float, *calls: Call) -> list[CallRecord]:
    """Dialogs and media both say `clock`."""
    made.calls(calls, {SITE: at(clock)})
    made.windows(clock_batch(at(clock)))
    return made.advance().records


def test_a_record_is_made_one_second_after_the_end() -> None:
    made = records()
    made.windows(batch([Stream("a", 0, 40)]))
    assert step(made, 41, answered()) == []
    (found,) = step(made, 41.1)
    assert (found.version, found.complete, found.packets_a) == (1, True, 2001)
    assert step(made, 50) == []


def test_media_holds_the_record_back() -> None:
    made = records()
    made.calls([answered()], {SITE: at(100)})
    made.windows(clock_batch(at(30)))
    assert made.advance().records == []
    made.windows(clock_batch(at(42)))
    assert len(made.advance().records) == 1


def test_what_comes_late_makes_a_new_version() -> None:
    made = records()
    one = answered()
    step(made, 42, one)
    one.messages += 1
    (second,) = step(made, 43, one)
    assert (second.version, second.sip_messages) == (2, one.messages)
    made.windows(batch([Stream("a", 0, 40)]))
    (third,) = made.advance().records
    assert (third.version, third.packets_a) == (3, 2001)
    assert step(made, 44, one) == []  # nothing new


def test_a_call_is_let_go_when_nothing_can_join_it() -> None:
    made = records()
    one = answered()  # closes at 45.02 s
    step(made, 42, one)
    made.calls([one], {SITE: at(105)})
    made.windows(clock_batch(at(105)))
    assert made.advance().closed == []
    made.calls([one], {SITE: at(105.1)})
    made.windows(clock_batch(at(105.1)))
    assert made.advance().closed == [one.cdr_id]
    made.calls([one], {SITE: at(106)})  # known again only to be let go again
    output = made.advance()
    assert (output.records, output.closed) == ([], [one.cdr_id])


def test_end_of_capture_closes_everything() -> None:
    output = run([ended(call(ringing_us=at(1)), 1, CAPTURE_END)])
    assert output.records[0].outcome == "unfinished"
    assert output.closed == ["cdr-1"]


def test_an_interim_record_while_media_stands_still() -> None:
    made = records()
    made.calls([answered()], {SITE: at(100)})
    made.windows(clock_batch(at(10)))
    made.advance()
    wall = 1_000_000
    assert made.interim(wall) == []
    assert made.interim(wall + 59_000_000) == []
    (found,) = made.interim(wall + 60_000_000)
    assert (found.complete, found.version) == (False, 1)
    assert made.interim(wall + 61_000_000) == []
    made.windows(clock_batch(at(42)))
    (last,) = made.advance().records
    assert (last.complete, last.version) == (True, 2)


def test_silence_ends_a_call_without_bye() -> None:
    made = records()
    made.windows(batch([Stream("a", 0, 40)]))
    assert step(made, 360, answered(bye=None)) == []
    (found,) = step(made, 360.1)  # 300 s, and 20 s for rows that were on their way
    assert (found.bye_code, found.end_reason, found.end_time) == (104, "timeout-rtp", at(40))
    assert "rtp-timeout" in found.flags
    late = answered(bye=400)
    (found,) = step(made, 402, late)
    assert (found.bye_code, found.version) == (3, 2)


def test_a_call_without_rtp_ends_after_an_hour() -> None:
    made = records()
    assert step(made, 3600, answered(bye=None)) == []
    (found,) = step(made, 3600.1)
    assert (found.bye_code, found.end_reason) == (108, "timeout-no-rtp")


def test_silence_is_above_the_absolute_timeout() -> None:
    cut = ended(answered(bye=None), 0, TIMEOUT_ABSOLUTE)
    cut.close_at_us = at(14400)
    assert record(cut, Stream("a", 0, 40)).bye_code == 104
    assert record(cut, Stream("a", 0, 14300)).bye_code == 102


def test_rtp_that_comes_again_takes_the_timeout_back() -> None:
    made = records()
    made.windows(batch([Stream("a", 0, 40)]))
    step(made, 361, answered(bye=None))
    made.windows(batch([Stream("a", 370, 400, number=2)]))
    assert step(made, 372) == []
    (found,) = step(made, 721)
    assert found.end_time == at(400)


def test_channels_are_taken_and_given_back() -> None:
    made = records(channels_max=2)
    one = answered(answer=5, ringing_us=at(1))
    made.calls([one], {SITE: at(50)})
    made.windows(clock_batch(at(50)))
    output = made.advance()
    (channels,) = output.channels
    assert [(event.time_us, event.taken) for event in channels.events] == [(at(1), True), (at(40), False)]
    assert channels.clock_us == at(50)
    assert output.records == []  # not decided
    made.decision(ChannelDecision(*SITE, one.cdr_id, one.call_id, True, 1))
    assert len(made.advance().records) == 1


def test_a_call_over_the_limit_is_rejected() -> None:
    made = records(channels_max=1)
    one = answered()
    made.calls([one], {SITE: END_OF_CAPTURE})
    made.windows(clock_batch(END_OF_CAPTURE))
    assert made.advance().closed == []
    made.decision(ChannelDecision(*SITE, one.cdr_id, one.call_id, False, 2))
    output = made.advance()
    assert (output.records, output.closed) == ([], [one.cdr_id])
    (found,) = output.rejected
    assert (found.channels, found.channels_max, found.outcome) == (2, 1, "answered")


def test_a_call_that_never_rang_needs_no_channel() -> None:
    busy = ended(call(failure_us=at(1), status=486), 1, "failure")
    output = run([busy], settings=RecordSettings(channels_max=1))
    assert len(output.records) == 1
    assert all(not each.events for each in output.channels)


def test_a_stream_without_call_is_a_row_of_its_own() -> None:
    output = run([], [Stream("", 0, 20, call=None, lost=5)])
    (unmatched,) = output.unmatched
    assert (unmatched.account, unmatched.site) == SITE
    found = unmatched.stream
    assert (found.cdr_id, found.call_id, found.side, found.hop) == (None, None, None, None)
    assert (found.packets, found.lost, found.codec) == (996, 5, "PCMA")


def test_rows_sent_again_are_counted_once() -> None:
    stream = Stream("a", 0, 40, digits=[(3, "X")], gaps=[(10, 13, False)])
    made = records()
    for _ in range(2):
        made.windows(batch([stream], ends=False))
    (found,) = step(made, 42, answered())
    assert (found.packets_a, found.dead_air_a, len(found.dtmf)) == (1851, 3.0, 1)
    assert made.counters["rows_repeated"] == 4


def test_a_shared_stream_counts_for_each_call_while_that_call_ran() -> None:
    short, long = answered(1, bye=10), answered(2, bye=40)
    one = Stream("a", 0, 40, info={"owners": 2})
    other = Stream("a", 0, 40, call=2, info={"owners": 2})
    made = records()
    whole = batch([one])
    made.windows(msgspec.structs.replace(whole, streams=[one.description(), other.description()]))
    made.calls([short, long], {SITE: END_OF_CAPTURE})
    made.windows(clock_batch(END_OF_CAPTURE))
    first, second = made.advance().records
    assert (first.cdr_id, first.packets_a, second.packets_a) == ("cdr-1", 1000, 2001)
    assert "shared-media" in first.flags
    assert all(key[:1] == b"k" for key in made.changes())  # nothing is left of them


def test_a_call_keeps_the_streams_that_began_first() -> None:
    many = [Stream("a", n / 10, 40, number=n) for n in range(1, STREAMS_PER_CALL_MAX + 4)]
    found = record(answered(), *reversed(many))
    assert [stream.ssrc for stream in found.streams] == list(range(1, STREAMS_PER_CALL_MAX + 1))
    assert "streams-omitted" in found.flags


def test_streams_wait_for_their_call_but_not_for_ever() -> None:
    made = records()
    made.windows(batch([Stream("a", 0, 40)]))
    (found,) = step(made, 42, answered())
    assert found.packets_a == 2001
    made = records()
    made.windows(batch([Stream("a", 0, 40)]))
    key = b"s" + Stream().id.to_bytes(8)
    assert made.changes()[key] is not None
    step(made, 61)
    assert made.counters["streams_without_call"] == 1
    assert made.changes()[key] is None


def test_digits_and_rtcp() -> None:
    old = RtcpSummary(1001, 1, 3, 64, 2000, 2000, 0, 0, 0, -1, -1)
    new = RtcpSummary(1001, 2, 5, 128, 6000, 4000, 1, 30_000, 30_000, 42, -1)
    stream = Stream("a", 0, 40, digits=[(3, "5"), (2, "1")], rtcp=new)
    again = Stream("a", 0, 40, rtcp=old)
    made = records()
    made.windows(batch([stream], ends=False))
    made.windows(batch([again], ends=False))
    (found,) = step(made, 42, answered())
    assert [(event.time, event.digit, event.side) for event in found.dtmf] == [
        (at(2), "1", "a"),
        (at(3), "5", "a"),
    ]
    rtcp = found.streams[0].rtcp
    assert rtcp is not None
    assert (rtcp.loss_max, rtcp.fraction_avg, rtcp.jitter_avg_ms, rtcp.jitter_max_ms) == (5, 25.0, 3.0, 4.0)
    assert (rtcp.rtt_avg_ms, rtcp.xr_mos_lq, rtcp.xr_mos_cq) == (30.0, 4.2, None)


def test_stream_figures() -> None:
    columns = {
        W.RUN_1: 2,
        W.RUN_10: 1,
        W.DELAY_0: 7,
        W.C11: 90,
        W.C13: 1,
        W.C14: 10,
        W.C22: 3,
        W.C23: 2,
        W.C33: 1,
    }
    (stream,) = record(answered(bye=10.1), Stream("a", 0, 10, lost=5, columns=columns)).streams
    assert stream.loss_runs == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert stream.delay_hist == [7, 0, 0, 0, 0, 0, 0, 0]
    # p23 = 1 - 3/5 = 0.4, p32 = 2/(1 + 2 + 1) = 0.5
    assert stream.burst_density == round(0.4 / 0.9, 4)
    assert stream.gap_density == 0.1
    assert (stream.jitter_mean_ms, stream.jitter_max_ms, stream.delta_max_ms) == (2.0, 3.0, 20.0)
    assert (stream.mos_model, stream.mos_approximate) == ("g107", False)
    assert stream.stream_id == f"{1001:016x}"


# --- no order and no restart shows (rule 3) ---

CASES = [
    (
        [answered(), answered(2, bye=25)],
        [
            Stream("a", 0, 30),
            Stream("b", 0, 40, number=2, gaps=[(5, 9, False)]),
            Stream("a", 1, 25, number=3, call=2, lost=4),
            Stream("", 3, 33, number=4, call=None, mos=3_000_000),
        ],
    ),
    (
        [answered(bye=None), call(2, caller="5551234567", callee="5559876543")],
        [
            Stream("a", 0, 30, rtcp=RtcpSummary(1001, 2, 5, 128, 6000, 4000, 0, 0, 0, -1, -1)),
            Stream("a", 31, 60, number=2, digits=[(35, "X")]),
            Stream("b", 2, 50, number=3, call=2, columns={W.DTX: 1}),
        ],
    ),
]


def _pieces(streams: Sequence[Stream], sizes: Sequence[int]) -> list[WindowBatch]:
    """Each stream's rows cut into batches of the given sizes, and the rest of its news with the last."""
    pieces = []
    for n, stream in enumerate(streams):
        whole = stream.batch()
        start, part = 0, 0
        while start < len(whole.rows):
            size = sizes[(n + part) % len(sizes)]
            end = min(start + size, len(whole.rows))
            last = end == len(whole.rows)
            pieces.append(
                msgspec.structs.replace(
                    whole,
                    streams=whole.streams if part == 0 else [],
                    row_stream=whole.row_stream[start:end],
                    rows=whole.rows[start:end],
                    gaps=whole.gaps if last else [],
                    digits=whole.digits if last else [],
                    rtcp=whole.rtcp if last else [],
                    ended=whole.ended if last else [],
                )
            )
            start, part = end, part + 1
    return pieces


def _interleaved(pieces: list[WindowBatch], order: list[int]) -> list[WindowBatch]:
    """Another order in which each stream's own pieces stay in order."""
    queues: dict[int, list[WindowBatch]] = {}
    for piece in pieces:
        queues.setdefault(int(piece.row_stream[0]), []).append(piece)
    result = []
    for choice in [*order, *([0] * len(pieces))]:
        alive = [queue for queue in queues.values() if queue]
        if alive:
            result.append(alive[choice % len(alive)].pop(0))
    return result


def _together(pieces: list[WindowBatch]) -> WindowBatch:
    """Several batches as one."""
    return WindowBatch(
        *SITE,
        0,
        T0,
        [each for piece in pieces for each in piece.streams],
        np.concatenate([piece.row_stream for piece in pieces]),
        np.concatenate([piece.rows for piece in pieces]),
        [each for piece in pieces for each in piece.gaps],
        [each for piece in pieces for each in piece.digits],
        [each for piece in pieces for each in piece.rtcp],
        [each for piece in pieces for each in piece.ended],
    )


class Collected:
    """The last version of each record, and the unmatched streams."""

    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}
        self.unmatched: dict[str, UnmatchedStream] = {}
        self.closed: list[str] = []

    def take(self, made: Records) -> None:
        output = made.advance()
        for each in output.records:
            old = self.records.get(each.cdr_id)
            assert old is None or each.version > old.version
            self.records[each.cdr_id] = each
        self.unmatched.update((each.stream.stream_id, each) for each in output.unmatched)
        self.closed += output.closed

    def final(self) -> bytes:
        plain = [msgspec.structs.replace(each, version=0) for _, each in sorted(self.records.items())]
        return msgspec.json.encode([plain, [each for _, each in sorted(self.unmatched.items())]])


def _final(calls: Sequence[Call]) -> list[Call]:
    """The calls as they are at the end of the capture."""
    result = []
    for each in deepcopy(list(calls)):
        if each.ended_us is None:
            ended(each, (each.last_us - T0) / 1e6, CAPTURE_END)
        result.append(each)
    return result


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(range(len(CASES))),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    order=st.lists(st.integers(0, 9), max_size=20),
    group=st.integers(1, 6),
    calls_at=st.integers(0, 12),
    again=st.booleans(),
    restart=st.sets(st.integers(0, 20)),
    clocks=st.lists(st.floats(0, 700), max_size=12).map(sorted),
)
def test_no_order_and_no_restart_shows(
    case: int,
    sizes: list[int],
    order: list[int],
    group: int,
    calls_at: int,
    again: bool,
    restart: set[int],
    clocks: list[float],
) -> None:
    calls, streams = CASES[case]
    once = records()
    once.windows(batch(streams))
    once.calls(_final(calls), {SITE: END_OF_CAPTURE})
    once.windows(clock_batch(END_OF_CAPTURE))
    expected = Collected()
    expected.take(once)

    pieces = _interleaved(_pieces(streams, sizes), order)
    groups = [_together(pieces[n : n + group]) for n in range(0, len(pieces), group)]
    made, got = records(), Collected()
    saved: dict[bytes, bytes] = {}
    for n in range(max(len(groups), calls_at) + 1):
        if n == calls_at:
            made.calls(deepcopy(list(calls)), {})
        if n < len(groups):
            made.windows(groups[n])
            if again and not groups[n].ended:
                made.windows(groups[n])
        if n < len(clocks):  # the media is not behind its clock: only the dialogs move
            made.calls([], {SITE: at(clocks[n])})
        got.take(made)
        if n in restart:
            made = _restarted(made, saved)
    for clock in clocks:
        made.windows(clock_batch(at(clock)))
        got.take(made)
        made = _restarted(made, saved)
    made.calls(_final(calls), {SITE: END_OF_CAPTURE})
    made.windows(clock_batch(END_OF_CAPTURE))
    got.take(made)
    assert got.final() == expected.final()
    assert set(got.closed) == {"cdr-1", "cdr-2"}
    _save(made, saved)
    assert all(key[:1] == b"k" for key in saved)


def _save(made: Records, saved: dict[bytes, bytes]) -> None:
    for key, value in made.changes().items():
        if value is None:
            saved.pop(key, None)
        else:
            saved[key] = value


def _restarted(made: Records, saved: dict[bytes, bytes]) -> Records:
    _save(made, saved)
    new = records()
    new.restore(saved)
    return new


def test_a_bye_that_comes_later_is_the_same_as_one_known_at_once() -> None:
    stream = Stream("a", 0, 40)
    made = records()
    made.windows(stream.batch())
    one = answered(bye=None)
    step(made, 30, one)
    hang_up(one, 40)
    (found,) = step(made, 42, one)
    known = record(answered(), stream)
    assert msgspec.structs.replace(found, version=1) == known
