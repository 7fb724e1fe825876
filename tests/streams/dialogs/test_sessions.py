"""Forks, challenges, redirection, re-INVITE, hold, and where session descriptions are found."""

import pytest

from streams.dialogs.call import BYE, CANCEL, FAILURE, FORKED, TIMEOUT_ABSOLUTE
from tests.streams.builder import A, B, CallBuilder, P, describe
from tests.streams.dialogs.driver import run, seconds

C = ("10.0.0.3", 5060)


def forked() -> CallBuilder:
    """A calls P, which rings B and C; B is busy, C answers."""
    story = CallBuilder().invite(0, path=(A, P))
    story.invite(0.01, path=(P, B), branch="z9hG4bK-b").invite(0.01, path=(P, C), branch="z9hG4bK-c")
    early = describe(31000, "192.0.2.31")
    story.response(183, 0.3, path=(B, P), branch="z9hG4bK-b", to_tag="b-tag", sdp=early)
    story.response(183, 0.31, path=(P, A), to_tag="b-tag", sdp=early)
    return story.response(180, 0.4, path=(C, P), branch="z9hG4bK-c", to_tag="c-tag")


def test_a_branch_that_fails_closes_its_endpoints_only() -> None:
    story = forked().response(486, 1.0, path=(B, P), branch="z9hG4bK-b", to_tag="b-tag")
    story.ok(2.0, path=(C, P), branch="z9hG4bK-c", to_tag="c-tag")
    story.ok(2.01, path=(P, A), to_tag="c-tag").ack(2.1, to_tag="c-tag", path=(A, P))
    story.bye(9.0, to_tag="c-tag", path=(A, P))
    outcome = run(story, until=100)
    assert outcome.ports == [
        ("open", "a", 20000, 0.0),
        ("open", "b", 31000, 0.3),
        ("close", "b", 31000, 1.0),
        ("open", "b", 30000, 2.0),
        ("answered", "c-tag", 0, 2.0),
        ("ended", "", 0, 9.0),
    ]
    call = outcome.call
    assert (call.status, call.to_tag, call.end_reason, call.failure_us) == (200, "c-tag", BYE, None)
    assert [(branch.to_tag, branch.status, branch.failed) for branch in call.branches] == [
        ("b-tag", 486, True),
        ("c-tag", 200, False),
    ]


def test_the_call_fails_when_the_caller_hears_of_it() -> None:
    story = forked().response(486, 1.0, path=(B, P), branch="z9hG4bK-b", to_tag="b-tag")
    story.response(480, 30.0, path=(C, P), branch="z9hG4bK-c", to_tag="c-tag")
    story.response(486, 30.1, path=(P, A), to_tag="b-tag")
    call = run(story, until=100).call
    assert (call.status, call.end_reason, seconds(call.ended_us)) == (486, FAILURE, 30.1)


def test_of_two_that_answer_the_first_is_the_call() -> None:
    story = CallBuilder().invite(0).ok(1.0, to_tag="one")
    story.ok(1.2, to_tag="two", sdp=describe(32000, "192.0.2.9"))
    story.ack(1.3, to_tag="one").ack(1.3, to_tag="two", branch="z9hG4bK-ack2")
    story.bye(1.4, to_tag="two", branch="z9hG4bK-bye2").bye_ok(1.5, to_tag="two", branch="z9hG4bK-bye2")
    story.bye(20.0, cseq=3, to_tag="one").bye_ok(20.1, cseq=3, to_tag="one")
    outcome = run(story, until=100)
    call = outcome.call
    assert call.to_tag == "one" and FORKED in call.flags
    assert (seconds(call.bye_us), seconds(call.bye_ok_us)) == (20.0, 20.1)
    assert ("close", "b", 32000, 1.4) in outcome.ports
    assert [verb for verb, *_ in outcome.ports].count("answered") == 1


def challenged(status: int = 407) -> CallBuilder:
    return (
        CallBuilder().invite(0, sdp=describe(20000)).response(status, 0.1, to_tag="proxy").ack_failure(0.11)
    )


@pytest.mark.parametrize("status", [401, 407])
def test_an_invite_with_credentials_is_the_same_call(status: int) -> None:
    story = challenged(status).invite(0.2, cseq=2).ringing(0.5, cseq=2).ok(1.0, cseq=2).ack(1.1, cseq=2)
    story.bye(9.0, cseq=3).bye_ok(9.1, cseq=3)
    outcome = run(story, until=100)
    call = outcome.call
    assert (call.status, call.end_reason, call.failure_us) == (200, BYE, None)
    assert (seconds(call.invite_us), seconds(call.first_response_us)) == (0.0, 0.1)
    assert [verb for verb, *_ in outcome.ports] == ["open", "open", "answered", "ended"]


def test_a_challenge_that_nobody_takes_is_a_refusal() -> None:
    outcome = run(challenged(), until=100)
    call = outcome.call
    assert (call.status, call.end_reason) == (407, FAILURE)
    assert (seconds(call.ended_us), seconds(call.close_at_us)) == (0.1, 60.1)
    assert outcome.ports[-1] == ("ended", "", 0, 60.1)


def test_a_redirected_caller_tries_elsewhere() -> None:
    story = CallBuilder().invite(0).response(302, 0.1, to_tag="old").ack_failure(0.11)
    story.invite(0.2, cseq=2).ok(1.0, cseq=2).ack(1.1, cseq=2)
    outcome = run(story, until=100, end=False)
    call = outcome.call
    assert (call.ended_us, call.end_reason, call.status, call.closed) == (None, "", 200, False)
    assert outcome.ports == [
        ("open", "a", 20000, 0.0),
        ("ended", "", 0, 0.1),
        ("open", "a", 20000, 0.2),
        ("open", "b", 30000, 1.0),
        ("answered", "callee-tag", 0, 1.0),
    ]


def test_a_redirection_is_final_when_nothing_follows() -> None:
    call = run(CallBuilder().invite(0).response(302, 0.1).ack_failure(0.11), until=100).call
    assert (call.status, call.end_reason, seconds(call.ended_us)) == (302, FAILURE, 0.1)


def test_glare_does_not_close_the_call() -> None:
    call = run(CallBuilder().invite(0).response(491, 0.1), until=100, end=False).call
    assert (call.ended_us, call.failure_us) == (None, None)


def test_media_moves_with_a_re_invite() -> None:
    story = CallBuilder().answered(1.0)
    story.invite(5.0, cseq=2, to_tag=None, sdp=describe(21000)).ok(
        5.1, cseq=2, sdp=describe(30000, "192.0.2.2")
    )
    story.ack(5.2, cseq=2)
    story.invite(6.0, by="b", cseq=9, to_tag=None, sdp=describe(33000, "192.0.2.2"))
    story.ok(6.1, by="a", cseq=9, sdp=describe(21000)).ack(6.2, by="b", cseq=9)
    assert run(story, end=False).ports[3:] == [
        ("open", "a", 21000, 5.0),
        ("close", "a", 20000, 5.1),  # it listens at both until the other side agrees
        ("open", "b", 33000, 6.0),
        ("close", "b", 30000, 6.1),
    ]


def test_an_offer_whose_answer_is_not_seen_is_settled_by_the_next_one() -> None:
    story = CallBuilder().answered(1.0).invite(5.0, cseq=2, to_tag=None, sdp=describe(21000))
    story.invite(7.0, cseq=3, to_tag=None, sdp=describe(22000)).response(488, 7.1, cseq=3)
    assert run(story, end=False).ports[3:] == [
        ("open", "a", 21000, 5.0),
        ("close", "a", 20000, 7.0),
        ("open", "a", 22000, 7.0),
        ("close", "a", 22000, 7.1),
    ]


def test_a_codec_change_opens_the_same_endpoint_with_another_map() -> None:
    story = CallBuilder().answered(1.0).invite(5.0, cseq=2, to_tag=None, sdp=describe(20000, codecs="9"))
    outcome = run(story, end=False)
    assert outcome.ports[3:] == [("open", "a", 20000, 5.0)]
    assert [payload.codec for payload in outcome.events[3].payloads] == ["G722"]


def test_a_refused_re_invite_leaves_the_media_where_it_was() -> None:
    story = CallBuilder().answered(1.0).invite(5.0, cseq=2, to_tag=None, sdp=describe(21000))
    story.response(488, 5.1, cseq=2)
    outcome = run(story, end=False)
    assert outcome.ports[3:] == [
        ("open", "a", 21000, 5.0),
        ("close", "a", 21000, 5.1),
    ]
    call = outcome.call
    assert (call.status, call.failure_us, call.ended_us) == (200, None, None)


@pytest.mark.parametrize(
    ("hold", "answer"),
    [
        (describe(20000, direction="sendonly"), describe(30000, "192.0.2.2", direction="recvonly")),
        (describe(20000, direction="inactive"), describe(30000, "192.0.2.2", direction="inactive")),
        (describe(20000, connection="0.0.0.0"), describe(30000, "192.0.2.2")),
    ],
)
def test_the_caller_holds_and_resumes(hold: str, answer: str) -> None:
    story = CallBuilder().answered(1.0)
    story.invite(5.0, cseq=2, to_tag=None, sdp=hold).ok(5.1, cseq=2, sdp=answer).ack(5.2, cseq=2)
    story.invite(8.0, cseq=3, to_tag=None).ok(8.1, cseq=3).ack(8.2, cseq=3)
    story.bye(9.0, cseq=4)
    outcome = run(story, until=100)
    holds = outcome.call.holds
    assert [(each.side, seconds(each.since), seconds(each.until)) for each in holds] == [("a", 5.0, 8.0)]
    assert [port for verb, _, port, _ in outcome.ports if verb == "close"] == []


def test_the_callee_holds_until_the_end() -> None:
    story = CallBuilder().answered(1.0)
    story.invite(5.0, by="b", cseq=8, to_tag=None, sdp=describe(30000, "192.0.2.2", direction="sendonly"))
    story.ok(5.1, by="a", cseq=8, sdp=describe(20000, direction="recvonly")).bye(9.0)
    holds = run(story).call.holds
    assert [(each.side, seconds(each.since), each.until) for each in holds] == [("b", 5.0, None)]


def test_an_answer_that_only_receives_says_that_the_other_side_holds() -> None:
    story = CallBuilder().invite(0, sdp=None).ok(1.0, sdp=describe(30000, direction="recvonly"))
    holds = run(story.ack(1.1)).call.holds
    assert [(each.side, seconds(each.since)) for each in holds] == [("a", 1.0)]


def test_an_offer_in_the_200_is_answered_in_the_ack() -> None:
    story = CallBuilder().invite(0, sdp=None).ok(1.0).ack(1.1, sdp=describe(20000))
    assert run(story, end=False).ports == [
        ("open", "b", 30000, 1.0),
        ("answered", "callee-tag", 0, 1.0),
        ("open", "a", 20000, 1.1),
    ]


def test_early_media_is_announced_with_its_branch() -> None:
    early = describe(30000, "192.0.2.2")
    story = CallBuilder().invite(0).response(183, 0.5, sdp=early, to_tag="gw").ok(2.0, sdp=early, to_tag="gw")
    outcome = run(story, end=False)
    assert outcome.ports == [
        ("open", "a", 20000, 0.0),
        ("open", "b", 30000, 0.5),
        ("answered", "gw", 0, 2.0),
    ]
    assert outcome.events[1].branch == "gw" and seconds(outcome.call.ringing_us) == 0.5


def test_the_branch_that_answers_takes_the_address_of_early_media_over() -> None:
    early = describe(30000, "192.0.2.2")
    story = (
        CallBuilder().invite(0).response(183, 0.5, sdp=early, to_tag="gw").ok(2.0, sdp=early, to_tag="uas")
    )
    outcome = run(story, end=False)
    assert outcome.ports[1:] == [
        ("open", "b", 30000, 0.5),
        ("close", "b", 30000, 2.0),
        ("open", "b", 30000, 2.0),
        ("answered", "uas", 0, 2.0),
    ]
    assert [event.branch for event in outcome.events[1:]] == ["gw", "gw", "uas", "uas"]


def test_update_and_prack_carry_descriptions_too() -> None:
    story = CallBuilder().invite(0, sdp=None).response(183, 0.5, sdp=describe(30000, "192.0.2.2"))
    story.request("PRACK", 0.6, cseq=2, to_tag=None, sdp=describe(20000)).response(
        200, 0.7, to="PRACK", cseq=2
    )
    story.request("UPDATE", 0.8, cseq=3, to_tag=None, sdp=describe(22000))
    story.response(200, 0.9, to="UPDATE", cseq=3, sdp=describe(32000, "192.0.2.2"))
    assert run(story, end=False).ports == [
        ("open", "b", 30000, 0.5),
        ("open", "a", 20000, 0.6),
        ("close", "a", 20000, 0.8),
        ("open", "a", 22000, 0.8),
        ("close", "b", 30000, 0.9),
        ("open", "b", 32000, 0.9),
    ]


def test_several_media_bundles_and_refused_ones() -> None:
    video = "m=video 20002 RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n"
    bundled = "m=video 20000 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
    image = "m=image 20010 udptl t38\r\n"
    text = describe(20000, more=video + bundled + image)
    outcome = run(CallBuilder().invite(0, sdp=text).response(488, 0.1), end=False)
    opened = [event for event in outcome.events if hasattr(event, "payloads")]
    assert [(event.media, event.port, event.rtcp_port) for event in opened] == [
        ("audio", 20000, 20001),
        ("video", 20002, 0),
        ("image", 20010, 0),
    ]
    assert [payload.codec for payload in opened[0].payloads] == ["PCMU", "PCMA", "H264"]
    call = outcome.call
    assert call.encrypted_offer and call.t38_offered and not call.t38_agreed
    assert call.media_announced and not call.dtx_announced


@pytest.mark.parametrize(("port", "agreed"), [(30002, True), (0, False)])
def test_a_fax_is_agreed_by_the_answer(port: int, agreed: bool) -> None:
    def image(at: int) -> str:
        return describe(0, more=f"m=image {at} udptl t38\r\n")

    story = CallBuilder().invite(0).ok(1.0).ack(1.1)
    story.invite(5.0, cseq=2, to_tag=None, sdp=image(20002)).ok(5.1, cseq=2, sdp=image(port))
    call = run(story, end=False).call
    assert call.t38_offered
    assert call.t38_agreed == agreed


def test_a_media_that_is_switched_off_closes() -> None:
    off = describe(20000, more="m=video 0 RTP/AVP 96\r\n")
    on = describe(20000, more="m=video 20002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n")
    story = CallBuilder().invite(0, sdp=on).ok(1.0).ack(1.1).invite(5.0, cseq=2, to_tag=None, sdp=off)
    assert not [port for port in run(story, end=False).ports if port[0] == "close"]
    story.ok(5.1, cseq=2)
    assert run(story, end=False).ports[-1] == ("close", "a", 20002, 5.1)


def test_comfort_noise_in_the_answer_allows_silence() -> None:
    story = CallBuilder().invite(0, sdp=describe(1, codecs="0 13")).ok(1.0, sdp=describe(2, codecs="0 13"))
    assert run(story).call.dtx_announced
    offered_only = CallBuilder().invite(0, sdp=describe(2000, codecs="0 13")).ok(1.0)
    assert not run(offered_only).call.dtx_announced


def test_a_description_that_cannot_be_read_is_counted() -> None:
    story = CallBuilder().invite(0, sdp="nonsense").ok(1.0, sdp=describe(4000, "host.example.com"))
    outcome = run(story)
    assert outcome.dialogs.counters["sdp-unreadable"] == 1
    assert outcome.dialogs.counters["sdp-address-not-an-ip"] == 1
    assert [verb for verb, *_ in outcome.ports] == ["answered", "ended"]


def test_dtmf_in_info_is_told() -> None:
    story = CallBuilder().answered(1.0)
    relay = "Signal=5\r\nDuration=160\r\n"
    story.request("INFO", 2.0, cseq=2, to_tag=None, body=relay, content_type="application/dtmf-relay")
    story.request("INFO", 3.0, cseq=3, to_tag=None, body="#", content_type="application/dtmf", by="b")
    masked = relay.replace("5", "XX")  # a digit written as 10 to 16
    story.request("INFO", 4.0, cseq=4, to_tag=None, body=masked, content_type="application/dtmf-relay")
    assert [
        (seconds(digit.time), digit.side, digit.digit, digit.duration_ms, digit.source)
        for digit in run(story).call.digits
    ] == [
        (2.0, "a", "5", 160, "sip-info"),
        (3.0, "b", "#", None, "sip-info"),
        (4.0, "a", "X", 160, "sip-info"),
    ]


def test_related_calls_are_named_with_the_reason() -> None:
    headers = {
        "Replaces": "old@x;to-tag=1;from-tag=2",
        "X-Call-ID": "leg@y",
        "Target-Dialog": "td@z;local-tag=1",
    }
    story = CallBuilder().invite(0, headers=headers).ok(1.0).ack(1.1)
    refer = {"Refer-To": "<sip:bob@example.com?Replaces=other%40w%3Bto-tag%3D7>"}
    story.request("REFER", 3.0, cseq=2, to_tag=None, headers=refer).response(202, 3.1, to="REFER", cseq=2)
    call = run(story).call
    assert call.replaces == "old@x"
    assert call.related == [
        ("old@x", "replaces"),
        ("td@z", "target-dialog"),
        ("leg@y", "x-call-id"),
        ("other@w", "refer-to"),
    ]
    assert "transferred" in call.flags


def test_a_cancel_of_a_fork_is_the_proxy_s() -> None:
    story = forked().request("CANCEL", 2.0, path=(P, B), branch="z9hG4bK-b")
    story.response(487, 2.1, path=(B, P), branch="z9hG4bK-b", to_tag="b-tag")
    call = run(story, until=20000, end=False).call
    assert (call.cancel_us, call.end_reason) == (None, TIMEOUT_ABSOLUTE)


def test_a_caller_who_gives_up_cancels_all_forks() -> None:
    story = forked().cancel(2.0, path=(A, P)).response(487, 2.1, path=(P, A), to_tag="b-tag")
    call = run(story, until=100).call
    assert (call.end_reason, seconds(call.ended_us)) == (CANCEL, 2.1)


def test_user_agents_of_a_proxy_count_less_than_the_callee_s() -> None:
    story = CallBuilder().invite(0).response(100, 0.1, headers={"Server": "Proxy"}, to_tag="")
    assert run(story).call.user_agent_callee == "Proxy"
    assert run(story.ok(1.0, headers={"User-Agent": "Phone"})).call.user_agent_callee == "Phone"
