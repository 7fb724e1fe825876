"""A side's figures, each definition with numbers worked by hand."""

import pytest

from schemas.media_windows import W
from tests.streams.records.calls import Stream, answered, at, call, ended, hold, record


def test_a_side_that_falls_silent_is_not_scored_as_good() -> None:
    found = record(answered(), Stream("a", 0, 30), Stream("b", 0, 40, number=2))
    assert found.lost_after_last_a == 499  # floor(10 s / 20 ms) - 1
    assert found.dead_air_a == 10.0
    assert found.mos_a == pytest.approx((30 * 4.41 + 10 * 1.0) / 40)
    assert found.mos_a_min == 1.0
    assert (found.loss_a, found.lost_a) == (0.0, 0)
    assert (found.dead_air_b, found.lost_after_last_b, found.mos_b) == (0.0, None, 4.41)
    assert found.mos == found.mos_a
    assert found.flags == ["dead-air-a"]
    assert [stream.lost_after_last for stream in found.streams] == [499, None]


def test_loss_and_jitter_are_of_all_packets_of_the_side() -> None:
    first = Stream("a", 0, 10, lost=50)  # 501 expected
    second = Stream("a", 10.02, 30.02, number=2, lost=30, columns={W.JITTER_SUM: 500, W.JITTER_COUNT: 1})
    found = record(answered(bye=30.1), first, second)
    assert (found.packets_a, found.lost_a) == (501 - 50 + 1001 - 30, 80)
    assert found.loss_a == pytest.approx(100 * 80 / 1502, abs=1e-4)
    assert found.jitter_a_ms == pytest.approx((501 * 2_000_000 + 2 * 500) / 503 / 1e6, abs=1e-4)
    assert found.first_rtp_time_a == at(0)
    assert (found.codec_a, found.ptime_a_ms, found.dscp_rtp_a) == ("PCMA", 20.0, 46)


def test_the_mean_score_goes_by_time() -> None:
    found = record(answered(bye=40), Stream("a", 0, 30), Stream("a", 30, 40, number=2, mos=2_000_000))
    assert found.mos_a == pytest.approx((30 * 4.41 + 10 * 2.0) / 40)
    assert found.mos_a_min == 2.0


def test_early_media_does_not_count_once_the_call_was_answered() -> None:
    early, later = Stream("b", 1, 5, lost=100), Stream("b", 5.1, 40, number=2)
    found = record(answered(answer=5), early, later)
    assert (found.packets_b, found.lost_b) == (1746, 0)
    assert [stream.early for stream in found.streams] == [True, False]
    assert found.first_rtp_time_b == at(5.1)


def test_early_media_counts_where_nothing_else_came() -> None:
    failed = ended(call(ringing_us=at(1), failure_us=at(9), status=486), 9, "failure")
    found = record(failed, Stream("b", 1, 5, lost=10))
    assert (found.packets_b, found.lost_b) == (191, 10)
    assert found.streams[0].early
    assert (found.dead_air_b, found.one_way) == (None, None)


def test_only_the_answered_branch_counts() -> None:
    forked = Stream("a", 0, 40, number=1, info={"branch": "other"})
    main = Stream("a", 0.1, 40, number=2)
    found = record(answered(), forked, main)
    assert found.packets_a == 1996
    assert len(found.streams) == 2


def test_the_last_hop_counts() -> None:
    near = Stream("a", 0, 40, lost=7)
    far = Stream("a", 0, 40, number=2, info={"hop": 1, "dst_port": 4002})
    found = record(answered(), near, far)
    assert (found.lost_a, found.packets_a) == (0, 2001)


def test_video_is_listed_but_is_not_the_sides_voice() -> None:
    video = Stream("a", 0, 40, number=2, lost=9, info={"media": "video"})
    found = record(answered(), Stream("a", 0, 40), video)
    assert found.lost_a == 0
    assert [stream.media for stream in found.streams] == ["audio", "video"]


def test_a_stream_two_sensors_saw_is_taken_from_the_one_that_heard_more() -> None:
    worse = Stream("a", 0, 40, number=1, lost=3, info={"ssrc": 9})
    better = Stream("a", 0, 40, number=2, info={"ssrc": 9, "sensor": "s2"})
    found = record(answered(), worse, better)
    assert [stream.sensor_id for stream in found.streams] == ["s2"]
    assert found.lost_a == 0
    equal = Stream("a", 0, 40, number=1, info={"ssrc": 9})
    assert [stream.sensor_id for stream in record(answered(), better, equal).streams] == ["s1"]


def test_nobody_heard_is_unknown_not_good() -> None:
    found = record(answered())
    assert found.mos is found.mos_a is found.loss_a is found.packets_a is found.dead_air_a is None
    assert found.flags == ["no-rtp"]


def test_one_way_names_the_silent_side() -> None:
    found = record(answered(), Stream("a", 0, 40))
    assert found.one_way == "b"
    assert found.dead_air_b == 40.0
    assert found.mos_b is None
    three_packets = Stream("b", 0, 0.04, number=2)
    assert record(answered(), Stream("a", 0, 40), three_packets).one_way == "b"


def test_one_way_needs_three_seconds_of_the_other() -> None:
    assert record(answered(), Stream("a", 0, 2.9)).one_way is None
    assert record(answered(), Stream("a", 0, 3)).one_way == "b"


def test_hold_is_no_dead_air() -> None:
    made = answered(holds=[hold("a", 10, 30)])
    found = record(made, Stream("a", 0, 40, gaps=[(9, 31.5, False)]), Stream("b", 0, 40, number=2))
    assert found.dead_air_a == 0.0  # 1 s before the hold, 1.5 s after it: no stretch of 2 s
    made = answered(holds=[hold("a", 10, None)])
    found = record(made, Stream("a", 0, 10), Stream("b", 0, 10, number=2))
    assert (found.dead_air_a, found.lost_after_last_a) == (0.0, None)


def test_dead_air_in_the_middle_is_counted_once() -> None:
    found = record(answered(), Stream("a", 0, 40, gaps=[(10, 20, False)]), Stream("b", 0, 40, number=2))
    assert found.dead_air_a == 10.0
    assert found.mos_a == pytest.approx((30 * 4.41 + 10 * 1.0) / 40, abs=1e-4)
    assert found.lost_after_last_a is None
    stream = found.streams[0]
    assert (stream.mos, stream.mos_min, stream.mos_f1) == (found.mos_a, 1.0, 4.41)


def test_dead_air_between_streams() -> None:
    found = record(answered(), Stream("a", 0, 10), Stream("a", 14, 40, number=2), Stream("b", number=3))
    assert found.dead_air_a == 4.0


def test_suppressed_silence_is_no_dead_air() -> None:
    gap = Stream("a", 0, 40, gaps=[(10, 20, True)])
    assert record(answered(), gap, Stream("b", 0, 40, number=2)).dead_air_a == 0.0
    stopped = Stream("a", 0, 30, columns={W.DTX: 1})
    found = record(answered(), stopped, Stream("b", 0, 40, number=2))
    assert (found.dead_air_a, found.lost_after_last_a, found.mos_a) == (0.0, None, 4.41)
    assert found.flags == ["silence-suppression"]


def test_to_fall_silent_for_a_hold_is_no_silence_suppression() -> None:
    held = Stream("a", 0, 30, columns={W.DTX: 1}, gaps=[(10, 20, True)])
    found = record(answered(holds=[hold("a", 10, 20)]), held, Stream("b", 0, 40, number=2))
    assert (found.dead_air_a, found.lost_after_last_a) == (10.0, 499)
    assert found.flags == ["dead-air-a"]
    found = record(answered(holds=[hold("a", 22, 24)]), held, Stream("b", 0, 40, number=2))
    assert (found.dead_air_a, found.flags) == (0.0, ["silence-suppression"])


def test_loss_after_the_last_packet_needs_a_bye_and_a_full_capture() -> None:
    cut = ended(answered(bye=None), 40, "capture-end")
    assert record(cut, Stream("a", 0, 30), Stream("b", number=2)).lost_after_last_a is None
    dropped = answered(flags=["capture-drops"])
    assert record(dropped, Stream("a", 0, 30), Stream("b", number=2)).lost_after_last_a is None
    assert record(answered(), Stream("a", 0, 39), Stream("b", number=2)).lost_after_last_a is None
    assert record(answered(), Stream("a", 0, 38.9), Stream("b", number=2)).lost_after_last_a == 54


def test_a_fax_ends_the_voice() -> None:
    fax = Stream("a", 12, 40, number=3, info={"kind": 1, "media": "image"})
    found = record(answered(), Stream("a", 0, 12), Stream("b", 0, 12, number=2), fax)
    assert found.t38
    assert (found.dead_air_a, found.dead_air_b, found.mos_a) == (0.0, 0.0, 4.41)
    assert found.streams[-1].codec == "T38"
    assert found.codec_a == "PCMA"


def test_a_fax_that_was_not_heard_ends_the_voice_too() -> None:
    found = record(answered(t38_agreed=True), Stream("a", 0, 12), Stream("b", 0, 11, number=2))
    assert (found.dead_air_a, found.dead_air_b, found.lost_after_last_a) == (0.0, 0.0, None)


def test_a_fax_that_was_refused_ends_nothing() -> None:
    found = record(answered(t38_offered=True), Stream("a", 0, 12), Stream("b", 0, 40, number=2))
    assert (found.dead_air_a, found.dead_air_b) == (28.0, 0.0)


def test_a_codec_without_impairment_has_no_score() -> None:
    found = record(answered(), Stream("a", 0, 30, mos=-1), Stream("b", number=2))
    assert (found.mos_a, found.mos_a_min, found.dead_air_a) == (None, None, 10.0)
    assert found.mos == found.mos_b == 4.41
