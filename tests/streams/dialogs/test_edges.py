"""Calls of which a part was not heard, messages that come late, and messages of no call."""

import pytest

from streams.clock import SiteClock
from streams.dialogs.call import (
    BYE,
    CANCEL,
    CAPTURE_END,
    FAILURE,
    REPLACED,
    START_NOT_SEEN,
    TIMEOUT_ONE_WAY,
)
from streams.settings import CallSettings
from tests.streams.builder import CallBuilder, batches, describe, us
from tests.streams.dialogs.driver import Outcome, run, run_batches, seconds


def test_a_response_waits_two_seconds_for_its_request() -> None:
    call = run(CallBuilder().trying(0.0).ringing(0.1).invite(1.9).ok(2.5).ack(2.6)).call
    assert (seconds(call.start_us), seconds(call.ringing_us)) == (1.9, 0.1)
    assert not call.flags and call.messages == 5


def test_a_response_whose_request_never_comes_begins_the_call() -> None:
    outcome = run(CallBuilder().ringing(0.0).ok(1.0).ack(5.0).bye(9.0).bye_ok(9.1), until=100)
    call = outcome.call
    assert START_NOT_SEEN in call.flags and call.invite_us is None
    assert (seconds(call.start_us), seconds(call.answer_us), seconds(call.bye_us)) == (0.0, 1.0, 9.0)
    assert (call.caller, call.callee, call.src_ip) == ("1001", "2002", b"\x0a\0\0\1")
    assert outcome.ports == [
        ("open", "b", 30000, 2.0),
        ("answered", "callee-tag", 0, 2.0),
        ("ended", "", 0, 9.0),
    ]


def test_an_invite_that_comes_even_later_corrects_the_invite_time_not_the_id() -> None:
    early = run(CallBuilder().ok(0.0).ack(2.5)).call
    late = run(CallBuilder().ok(0.0).invite(2.4).ack(2.5)).call
    assert late.cdr_id == early.cdr_id and seconds(late.invite_us) == 2.4


def test_a_failure_whose_request_never_comes_is_no_call() -> None:
    outcome = run(CallBuilder().response(486, 0.0).ack_failure(0.1), until=10)
    assert outcome.calls == []
    assert outcome.dialogs.counters["failures.INVITE"] == 1


@pytest.mark.parametrize("first", ["ACK", "INVITE"])
def test_a_call_heard_from_the_middle(first: str) -> None:
    story = CallBuilder().request(first, 0.0, cseq=5, to_tag=None, sdp=describe(20000))
    call = run(story.bye(9.0, cseq=6).bye_ok(9.1, cseq=6), until=100).call
    assert START_NOT_SEEN in call.flags
    assert (call.end_reason, call.hung_up_by, seconds(call.bye_ok_us)) == (BYE, "a", 9.1)


def test_a_bye_alone_is_a_call_of_its_own() -> None:
    call = run(CallBuilder().bye(1.0).bye_ok(1.1), until=100).call
    assert START_NOT_SEEN in call.flags and call.hung_up_by is None
    assert (call.end_reason, seconds(call.start_us), seconds(call.ended_us)) == (BYE, 1.0, 1.0)
    assert seconds(call.bye_ok_us) == 1.1


def test_a_200_of_a_bye_that_was_not_heard_ends_the_call() -> None:
    call = run(CallBuilder().answered(1.0).bye_ok(9.0), until=100).call
    assert (call.bye_us, seconds(call.ended_us), call.hung_up_by) == (None, 9.0, "a")
    assert seconds(call.close_at_us) == 14.0


def test_an_ack_says_that_there_was_an_answer() -> None:
    story = CallBuilder().invite(0).ack(3.0)
    assert run(story, until=1000).call.end_reason == CAPTURE_END
    refused = CallBuilder().invite(0).ack_failure(3.0)
    assert run(refused, until=1000).call.end_reason == TIMEOUT_ONE_WAY


@pytest.mark.parametrize(("status", "reason"), [(486, FAILURE), (487, CANCEL)])
def test_a_failure_that_comes_after_its_timer_is_the_end(status: int, reason: str) -> None:
    story = CallBuilder().invite(0).invite(1.0, to_tag=None).response(status, 20.0)
    call = run(story, until=1000).call
    assert (call.end_reason, seconds(call.ended_us)) == (reason, 20.0)


def test_what_comes_within_a_minute_of_the_close_joins_the_call() -> None:
    story = CallBuilder().answered(1.0).bye(9.0).bye_ok(9.1)  # closes at 14.1
    outcome = run(story.request("OPTIONS", 74.0, cseq=9, to_tag=None), until=200)
    assert outcome.call.messages == 8 and seconds(outcome.call.ended_us) == 9.0
    assert outcome.call.closed


def test_a_late_bye_corrects_a_call_that_a_timer_had_ended() -> None:
    story = CallBuilder().invite(0.0).bye(30.0)
    outcome = run(story, until=200)
    call = outcome.call
    assert (call.end_reason, seconds(call.ended_us), call.closed) == (BYE, 30.0, True)
    assert [verb for verb, *_ in outcome.ports].count("ended") == 1


def test_later_only_a_bye_makes_a_record() -> None:
    story = CallBuilder().answered(1.0).bye(9.0).bye_ok(9.1)
    counted = run(story.request("INFO", 75.0, cseq=9, to_tag=None), until=200)
    assert len(counted.calls) == 1 and counted.dialogs.counters["requests.INFO"] == 1
    again = run(story.bye(80.0, cseq=10), until=200)
    assert len(again.calls) == 2
    assert seconds(again.calls[1].start_us) == 80.0 and again.calls[1].flags == [START_NOT_SEEN]


@pytest.mark.parametrize("gap", [1.0, 100.0])
def test_a_call_id_used_again_is_another_call(gap: float) -> None:
    story = CallBuilder().answered(1.0).bye(9.0).bye_ok(9.1)
    second = 10.0 + gap
    story.invite(second, branch="z9hG4bK-new").ok(second + 1, branch="z9hG4bK-new").ack(second + 1.1)
    outcome = run(story.bye(second + 9, cseq=3), until=300)
    first, other = outcome.calls
    assert first.cdr_id != other.cdr_id and first.messages == 7
    assert (seconds(other.invite_us), seconds(other.bye_us)) == (second, second + 9)


def test_a_call_id_used_again_though_no_bye_was_heard() -> None:
    story = CallBuilder().answered(1.0).invite(60.0, cseq=20).ok(61.0, cseq=20)
    first, other = run(story, until=100).calls
    assert (first.end_reason, seconds(first.ended_us)) == (REPLACED, 1.01)
    assert seconds(other.answer_us) == 61.0


def test_callers_without_tags_are_told_apart_by_address() -> None:
    story = CallBuilder(from_tag="", to_tag="").answered(1.0).bye(9.0, by="b").bye_ok(9.1, by="a")
    call = run(story, until=100).call
    assert (call.hung_up_by, call.messages, seconds(call.bye_ok_us)) == ("b", 7, 9.1)


def test_another_from_tag_is_another_call() -> None:
    one, two = CallBuilder(from_tag="one").answered(), CallBuilder(from_tag="two").answered(2.0)
    assert len(run(one, two).calls) == 2


def test_other_requests_are_counted_with_their_failures() -> None:
    story = CallBuilder().request("REGISTER", 0).response(401, 0.1, to="REGISTER")
    story.request("REGISTER", 0.2, cseq=2).response(403, 0.3, to="REGISTER", cseq=2)
    story.request("OPTIONS", 1.0).response(200, 1.1, to="OPTIONS").request("BREW", 2.0)
    outcome = run(story)
    assert outcome.calls == []
    assert outcome.dialogs.counters == {
        "requests.REGISTER": 2,
        "responses.REGISTER": 2,
        "challenges.REGISTER": 1,
        "failures.REGISTER": 1,
        "requests.OPTIONS": 1,
        "responses.OPTIONS": 1,
        "requests.OTHER": 1,
    }


def test_what_is_no_sip_is_counted_and_dropped() -> None:
    story = CallBuilder().invite(0)
    sensor, packet = story.heard[0]
    broken = type(packet)(*[getattr(packet, name) for name in packet.__struct_fields__[:-1]], b"\x00junk")
    story.heard.append((sensor, broken))
    outcome = run(story)
    assert len(outcome.calls) == 1 and outcome.dialogs.counters["unreadable"] == 1


def test_octets_that_are_no_text_do_not_stop_the_state_from_being_saved() -> None:
    story = CallBuilder(call_id="c[1", caller="b]ro").answered()
    for number, (sensor, packet) in enumerate(story.heard):
        fields = [getattr(packet, name) for name in packet.__struct_fields__]
        fields[-1] = fields[-1].replace(b"[", b"\xff").replace(b"]", b"\xfc")
        story.heard[number] = (sensor, type(packet)(*fields))
    outcome = run(story, end=False)
    assert (outcome.call.call_id, outcome.call.caller) == ("c\ufffd1", "b\ufffdro")
    assert [verb for verb, *_ in outcome.ports] == ["open", "open", "answered"]
    assert outcome.dialogs.changes()


def test_an_escape_that_is_no_utf8_can_be_stored() -> None:
    outcome = run(CallBuilder(caller="a%FFb", callee="%C3%A4").answered(), end=False)
    assert (outcome.call.caller, outcome.call.callee) == ("a\ufffdb", "\xe4")
    assert outcome.dialogs.changes()


def test_long_tags_still_tell_dialogs_apart_and_overlong_call_ids_are_counted() -> None:
    long = "t" * 5000
    story = CallBuilder(from_tag=long, to_tag="u" * 300).answered(1.0).bye(9.0, by="b").bye_ok(9.1, by="a")
    other = CallBuilder(from_tag=long + "x").invite(0.0)
    outcome = run(story, other, CallBuilder("c" * 2000).invite(0.0), until=100)
    first, second = outcome.calls
    assert (first.hung_up_by, first.messages, second.messages) == ("b", 7, 1)
    assert first.from_tag != second.from_tag and len(first.from_tag) == len(first.to_tag or "") == 128
    assert outcome.dialogs.counters["call-id-too-long"] == 1


def test_over_the_limit_the_oldest_unanswered_call_goes() -> None:
    calls = [CallBuilder(f"c{n}").invite(n * 0.1) for n in range(4)]
    calls[0].ok(0.05)
    outcome = run(*calls, settings=CallSettings(calls_max=3), end=False)
    assert [call.call_id for call in outcome.calls if "evicted" in call.flags] == ["c1"]
    assert outcome.calls[1].closed and outcome.calls[1].end_reason == "evicted"
    assert outcome.dialogs.counters["calls-evicted"] == 1


def test_a_flood_of_messages_ends_the_call() -> None:
    story = CallBuilder().answered(1.0)
    for number in range(20):
        story.request("INFO", 2.0 + number, cseq=2 + number, to_tag=None)
    call = run(story, settings=CallSettings(sip_messages_max=12)).call
    assert call.end_reason == "too-many-messages"


def test_a_forgotten_call_stays_until_no_message_can_join_it() -> None:
    outcome = Outcome()
    story = CallBuilder().answered(1.0).bye(9.0).bye_ok(9.1)
    for batch in batches(story.heard, until=20.0, end=False):
        outcome.take(batch)
    cdr_id = outcome.call.cdr_id
    outcome.dialogs.forget(cdr_id)
    assert cdr_id in outcome.dialogs.calls
    for batch in batches([], end=False):
        outcome.take(batch)
    outcome.take(CallBuilder("x").invite(100.0).batches(until=100.0, end=False)[-1])
    assert cdr_id not in outcome.dialogs.calls


def test_a_call_the_records_still_need_stays() -> None:
    outcome = run(CallBuilder().answered(1.0).bye(9.0).bye_ok(9.1), until=500, end=False)
    cdr_id = outcome.call.cdr_id
    assert cdr_id in outcome.dialogs.calls
    outcome.dialogs.forget(cdr_id)
    assert cdr_id not in outcome.dialogs.calls


def test_a_site_waits_for_all_its_sensors() -> None:
    story = CallBuilder(sensor="s1").invite(0.0)
    first, *_ = batches(story.heard, end=False)
    outcome = run_batches([first])
    other = CallBuilder(call_id="other", sensor="s2").invite(-1.0)
    for batch in batches(other.heard, end=False, until=5.0):
        outcome.take(batch)
    assert [call.call_id for call in outcome.calls] == ["other"]  # s1 has spoken up to 0 only
    outcome.take(batches([("s1", story.heard[0][1])], until=6.0, end=False)[-1])
    assert len(outcome.calls) == 2


def test_a_site_clock_is_the_least_mark_and_never_goes_back() -> None:
    clock = SiteClock.of((0, 1))
    assert not clock.heard(0, us(5))
    assert clock.heard(1, us(3)) and clock.now == us(3)
    assert not clock.heard(1, us(2)) and clock.now == us(3)
    assert clock.heard(1, us(9)) and clock.now == us(5)
    assert not clock.heard(2, us(1)) and clock.now == us(5)
    assert not clock.heard(0, us(8))
    assert clock.heard(2, us(7)) and clock.now == us(7)


def test_a_sensor_that_is_gone_holds_the_clock_no_longer() -> None:
    clock = SiteClock(gone_us=30_000_000)
    clock.heard("s1", us(0))
    clock.heard("s2", us(29))
    assert clock.now == us(0)
    assert clock.heard("s2", us(31)) and clock.now == us(31)
    clock.heard("s1", us(32))
    assert clock.heard("s2", us(40)) and clock.now == us(32)
