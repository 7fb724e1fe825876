"""INVITE to BYE, and every other way a call ends."""

import uuid

import pytest

from schemas.clock import END_OF_CAPTURE
from streams.dialogs.call import (
    BYE,
    CANCEL,
    CAPTURE_END,
    FAILURE,
    TIMEOUT_ABSOLUTE,
    TIMEOUT_NO_ANSWER,
    TIMEOUT_ONE_WAY,
)
from streams.settings import CallSettings
from tests.streams.builder import CallBuilder, describe, us
from tests.streams.dialogs.driver import run, run_batches, seconds


def test_an_answered_call_has_all_its_times() -> None:
    call = run(CallBuilder().answered(1.0).bye(11.0).bye_ok(11.02), until=60).call
    assert seconds(call.start_us) == seconds(call.invite_us) == 0.0
    assert seconds(call.trying_us) == 0.01
    assert seconds(call.ringing_us) == seconds(call.first_response_us) == 0.5
    assert seconds(call.answer_us) == 1.0
    assert seconds(call.bye_us) == seconds(call.ended_us) == 11.0
    assert seconds(call.bye_ok_us) == seconds(call.last_us) == 11.02
    assert seconds(call.close_at_us) == 16.02
    assert (call.status, call.status_reason, call.to_tag) == (200, "OK", "callee-tag")
    assert (call.end_reason, call.hung_up_by, call.closed) == (BYE, "a", True)
    assert call.messages == 7 and call.retransmissions == 0 and not call.flags


def test_the_parties_and_the_network_come_from_the_first_invite() -> None:
    headers = {
        "P-Asserted-Identity": '"Shown" <sip:+4930123@carrier.example>',
        "Diversion": "<sip:3003@pbx.example>;reason=busy",
        "User-Agent": "Phone/1",
        "Session-ID": "0123abcd;remote=00",
        "X-Customer": "42",
    }
    story = CallBuilder().invite(headers=headers).ringing(headers={"Server": "PBX/2"})
    call = run(story, settings=CallSettings(headers=("X-Customer", "X-None"))).call
    assert (call.caller, call.caller_domain, call.caller_name) == ("1001", "a.example.com", "Caller 1001")
    assert (call.callee, call.callee_domain, call.callee_name) == ("2002", "b.example.com", None)
    assert call.request_uri == "sip:2002@example.com"
    assert (call.asserted_caller, call.diversion) == ("+4930123", "3003")
    assert (call.user_agent_caller, call.user_agent_callee) == ("Phone/1", "PBX/2")
    assert (call.session_id, call.headers) == ("0123abcd", {"X-Customer": "42"})
    assert (call.src_ip, call.src_port, call.dst_ip, call.dst_port) == (
        b"\x0a\0\0\x01",
        5060,
        b"\x0a\0\0\x02",
        5060,
    )
    assert (call.transport, call.vlan, call.dscp_a, call.dscp_b) == ("udp", -1, 24, 24)


def test_the_id_is_a_uuid_of_what_makes_the_call() -> None:
    first = run(CallBuilder().answered()).call.cdr_id
    assert first == run(CallBuilder().answered().bye()).call.cdr_id
    assert first != run(CallBuilder(from_tag="other").answered()).call.cdr_id
    assert first != run(CallBuilder().invite(0.000001)).call.cdr_id
    assert uuid.UUID(first).version == 5


def test_endpoints_open_with_their_description_and_close_with_the_call() -> None:
    outcome = run(CallBuilder().answered(1.0).bye(11.0).bye_ok(11.02), until=60)
    assert outcome.ports == [
        ("open", "a", 20000, 0.0),
        ("open", "b", 30000, 1.0),
        ("answered", "callee-tag", 0, 1.0),
        ("ended", "", 0, 11.0),
    ]
    opened = outcome.events[1]
    assert (opened.ip, opened.branch, opened.hop, opened.rtcp_port) == (b"\xc0\0\2\2", "callee-tag", 0, 30001)
    assert (opened.media, opened.protocol, opened.direction) == ("audio", "RTP/AVP", "sendrecv")
    assert [payload.codec for payload in opened.payloads] == ["PCMU", "PCMA"]
    assert opened.ptime_ms == 20 and opened.sip_ip == b"\x0a\0\0\2"


def test_the_callee_hangs_up() -> None:
    story = CallBuilder().answered().bye(11.0, by="b", cseq=7).bye_ok(11.01, by="a", cseq=7)
    call = run(story).call
    assert (call.hung_up_by, seconds(call.ended_us), seconds(call.bye_ok_us)) == ("b", 11.0, 11.01)


@pytest.mark.parametrize(("wait", "closed"), [(60, False), (60.1, True)])
def test_a_bye_without_an_answer_closes_after_a_minute(wait: float, closed: bool) -> None:
    outcome = run(CallBuilder().answered().bye(11.0), until=11.0 + wait, end=False)
    assert (outcome.call.closed, outcome.call.bye_ok_us) == (closed, None)
    assert seconds(outcome.call.ended_us) == 11.0


def test_a_bye_repeated_for_ever_closes_at_the_hard_limit() -> None:
    story = CallBuilder().answered().bye(10.0)
    for second in range(30, 1205, 20):
        story.again(second)
    call = run(story, until=1211.0, end=False).call
    assert call.closed
    assert (seconds(call.ended_us), seconds(call.close_at_us)) == (10.0, 1210.0)


@pytest.mark.parametrize(
    ("status", "linger"), [(486, 5), (404, 5), (481, 180), (300, 300), (302, 5), (501, 60)]
)
def test_a_final_failure_ends_the_call(status: int, linger: int) -> None:
    story = CallBuilder().invite().ringing().response(status, 3.0).ack_failure(3.01)
    call = run(story, until=1000).call
    assert (call.status, call.end_reason, seconds(call.failure_us)) == (status, FAILURE, 3.0)
    assert seconds(call.ended_us) == 3.0 and call.answer_us is None
    assert seconds(call.close_at_us) == pytest.approx(3.01 + linger)


def test_a_cancelled_call_ends_with_its_487() -> None:
    story = CallBuilder().invite().ringing().cancel(2.0).response(200, 2.01, to="CANCEL", branch="x")
    story.response(487, 2.05).ack_failure(2.06)
    call = run(story, until=1000).call
    assert (call.end_reason, call.status, seconds(call.cancel_us)) == (CANCEL, 487, 2.0)
    assert seconds(call.ended_us) == 2.05 and seconds(call.close_at_us) == pytest.approx(17.06)


def test_a_cancel_without_a_487_ends_after_ten_seconds() -> None:
    outcome = run(CallBuilder().invite().ringing(0.5).cancel(2.0), until=1000)
    assert (outcome.call.end_reason, seconds(outcome.call.close_at_us)) == (CANCEL, 12.0)
    assert outcome.ports[-1] == ("ended", "", 0, 12.0)
    assert seconds(outcome.call.ended_us) == 2.0


def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    story = CallBuilder().invite().cancel(0.99).ok(1.0).ack(1.1).bye(9.0).bye_ok(9.1)
    call = run(story, until=100).call
    assert (call.end_reason, call.status, seconds(call.ended_us)) == (BYE, 200, 9.0)


def test_nobody_answers_the_invite() -> None:
    story = CallBuilder().invite(0)
    for second in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5):
        story.again(second)
    outcome = run(story, until=100)
    call = outcome.call
    assert (call.end_reason, call.invite_retransmissions) == (TIMEOUT_ONE_WAY, 6)
    assert (seconds(call.ended_us), seconds(call.close_at_us)) == (31.5, 46.5)
    assert outcome.ports == [
        ("open", "a", 20000, 0.0),
        ("ended", "", 0, 30.5),
        ("open", "a", 20000, 31.5),
        ("ended", "", 0, 46.5),
    ]


def test_only_trying_is_heard() -> None:
    call = run(CallBuilder().invite(0).trying(0.01), until=400).call
    assert (call.end_reason, call.status, seconds(call.close_at_us)) == (TIMEOUT_NO_ANSWER, 100, 300.0)


def test_ringing_goes_on_until_the_absolute_limit() -> None:
    call = run(CallBuilder().invite(0).ringing(1.0), until=20000).call
    assert (call.end_reason, seconds(call.close_at_us)) == (TIMEOUT_ABSOLUTE, 14400.0)
    assert seconds(call.ended_us) == 1.0


def test_an_answered_call_without_a_bye_ends_at_the_absolute_limit() -> None:
    call = run(CallBuilder().answered(), until=20000).call
    assert (call.end_reason, seconds(call.close_at_us)) == (TIMEOUT_ABSOLUTE, 14400.0)


def test_the_end_of_the_capture_ends_what_is_open() -> None:
    outcome = run(CallBuilder().answered(1.0), until=30)
    call = outcome.call
    assert (call.end_reason, call.closed, seconds(call.ended_us)) == (CAPTURE_END, True, 1.01)
    assert outcome.ports[-1] == ("ended", "", 0, seconds(END_OF_CAPTURE))  # media still belongs to it
    assert outcome.batches[-1].clock_us == END_OF_CAPTURE


def test_a_refused_call_is_refused_though_the_capture_ends_first() -> None:
    call = run(CallBuilder().invite().response(407, 0.1)).call
    assert (call.end_reason, call.status, seconds(call.ended_us)) == (FAILURE, 407, 0.1)


def test_reasons_and_causes() -> None:
    reason = 'SIP;cause=200;text="Call completed elsewhere", Q.850;cause=16;text="Normal"'
    call = run(CallBuilder().answered().bye(5.0, headers={"Reason": reason})).call
    assert (call.reason_sip_cause, call.reason_q850_cause, call.reason_text) == (200, 16, "Normal")


def test_watermarks_go_out_without_events_and_events_never_precede_them() -> None:
    outcome = run(CallBuilder().answered().bye().bye_ok(), until=600)
    clocks = [batch.clock_us for batch in outcome.batches]
    assert clocks == sorted(set(clocks))
    floor = 0
    for batch in outcome.batches:
        assert (batch.account, batch.site, batch.source) == ("acme", "hq", 3)
        for event in batch.events:
            assert event.time_us >= floor
            floor = event.time_us
        floor = batch.clock_us
    assert any(not batch.events for batch in outcome.batches)


def test_a_message_at_the_watermark_waits_for_it_to_pass() -> None:
    outcome = run_batches(CallBuilder().invite(0, sdp=describe(4000)).batches(end=False))
    assert outcome.calls == [] and outcome.batches[-1].clock_us == us(0)
