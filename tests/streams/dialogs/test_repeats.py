"""The same message again: copies, retransmissions, hops, other sensors."""

from tests.streams.builder import A, B, CallBuilder, P, describe
from tests.streams.dialogs.driver import run, seconds


def test_a_copy_within_ten_milliseconds_is_dropped() -> None:
    call = run(CallBuilder().invite(0).again(0.009).trying(0.1)).call
    assert (call.copies, call.retransmissions, call.messages, len(call.events)) == (1, 0, 2, 2)


def test_the_same_message_later_is_a_retransmission() -> None:
    call = run(CallBuilder().invite(0).again(0.5).again(1.5).trying(1.6).ringing(1.7).again(2.7)).call
    assert (call.copies, call.invite_retransmissions, call.retransmissions) == (0, 2, 3)
    assert call.messages == 6
    assert [event.retransmission for event in call.events] == [False, True, True, False, False, True]


def proxied() -> CallBuilder:
    """A to P to B, both legs heard."""
    story = CallBuilder(a=A, b=B)
    in_, out = (A, P), (P, B)
    story.invite(0.0, path=in_).response(100, 0.01, to_tag="", path=(P, A))
    story.invite(0.02, path=out).ringing(0.5, path=(B, P)).ringing(0.51, path=(P, A))
    story.ok(1.0, path=(B, P)).ok(1.01, path=(P, A))
    story.ack(1.1, path=in_).ack(1.11, path=out)
    story.bye(9.0, path=in_).bye(9.01, path=out).bye_ok(9.1, path=(B, P)).bye_ok(9.11, path=(P, A))
    return story


def test_both_sides_of_a_proxy_are_one_call() -> None:
    outcome = run(proxied(), until=100)
    call = outcome.call
    assert call.hops == [
        (b"\x0a\0\0\1", 5060, b"\x0a\0\0\5", 5060),
        (b"\x0a\0\0\5", 5060, b"\x0a\0\0\2", 5060),
    ]
    assert call.proxies == ["10.0.0.2"]
    assert (call.messages, call.retransmissions, call.copies) == (7, 0, 0)
    assert [event.hop for event in call.events] == [0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0]
    assert seconds(call.ringing_us) == 0.5 and seconds(call.bye_us) == 9.0
    assert (call.dst_ip, call.dst_port) == (b"\x0a\0\0\5", 5060)


def test_a_proxy_that_leaves_the_media_alone_announces_it_once() -> None:
    assert run(proxied(), until=100).ports == [
        ("open", "a", 20000, 0.0),
        ("open", "b", 30000, 1.0),
        ("answered", "callee-tag", 0, 1.0),
        ("ended", "", 0, 9.0),
    ]


def test_a_relay_has_its_own_endpoints_on_each_hop() -> None:
    story = CallBuilder()
    story.invite(0.0, path=(A, P)).invite(0.02, path=(P, B), sdp=describe(40000, "10.0.0.5"))
    story.ok(1.0, path=(B, P)).ok(1.01, path=(P, A), sdp=describe(40002, "10.0.0.5"))
    opened = [event for event in run(story).events if hasattr(event, "port")]
    assert [(event.owner, event.hop, event.port) for event in opened] == [
        ("a", 0, 20000),
        ("a", 1, 40000),
        ("b", 1, 30000),
        ("b", 0, 40002),
    ]


def test_retransmissions_are_counted_where_most_were_heard() -> None:
    story = CallBuilder().invite(0.0, path=(A, P)).invite(0.01, path=(P, B))
    story.again(0.51).again(1.51)  # the proxy's
    story.request("INVITE", 0.7, sdp=describe(20000), path=(A, P))
    call = run(story).call
    assert (call.invite_retransmissions, call.retransmissions, call.messages) == (2, 2, 3)


def test_the_answer_goes_to_another_port_than_the_request_came_from() -> None:
    a_socket, a_via = ("10.0.0.1", 40123), ("10.0.0.1", 5060)
    story = CallBuilder(a=a_socket).invite(0, path=(a_socket, B)).ok(1.0, path=(B, a_via))
    story.ack(1.1, path=(a_socket, B))
    assert [event.hop for event in run(story).call.events] == [0, 0, 0]
    assert run(story).call.proxies == []


def two_sensors(lag: float) -> CallBuilder:
    """s2 hears every message `lag` after s1 does, but the 200 of the BYE alone."""
    story = CallBuilder().invite(0.0).again(0.0 + lag, sensor="s2")
    story.ringing(0.5, sensor="s1").again(0.5 + lag, sensor="s2")
    story.ok(1.0, sensor="s1").again(1.0 + lag, sensor="s2")
    story.bye(9.0, sensor="s1").again(9.0 + lag, sensor="s2")
    return story.bye_ok(9.1, sensor="s2")


def test_what_two_sensors_hear_is_said_once() -> None:
    call = run(two_sensors(0.003), until=100).call
    assert (call.sensor, call.sensors, call.messages, len(call.events)) == ("s1", ["s1", "s2"], 5, 5)
    assert (call.copies, call.retransmissions) == (0, 0)
    assert seconds(call.bye_ok_us) == 9.097  # told by the second sensor, by the clock of the first


def test_times_come_from_the_sensor_that_heard_the_invite_first() -> None:
    story = CallBuilder().invite(0.0).ringing(0.40, sensor="s2").again(0.45, sensor="s1")
    story.ok(0.9, sensor="s2").again(1.0, sensor="s1").ack(1.1, sensor="s1")
    call = run(story).call
    assert seconds(call.ringing_us) == 0.45 and seconds(call.answer_us) == 1.0
    assert seconds(call.branches[0].answer_us) == 1.0


def test_a_call_keeps_its_first_and_last_events() -> None:
    story = CallBuilder().answered(1.0)
    for number in range(300):
        story.request("OPTIONS", 2.0 + number, cseq=10 + number, to_tag=None)
    call = run(story.bye(400.0), until=500).call
    assert len(call.events) == 256 and call.events_omitted == 306 - 256
    assert call.events[191].cseq == 10 + 186 and call.events[-1].method == "BYE"
    assert call.events[192].cseq == 10 + 300 - 63
    assert "events-omitted" in call.flags
