"""Whose stream a flow is: announcements, reach-back, ports used again, shared streams."""

from schemas.media_endpoints import CallAnswered, CallEnded, EndpointClosed, EndpointEvent, Payload
from schemas.media_windows import W
from schemas.rtp_packets import MASKED_EVENT
from streams.media.settings import MediaSettings
from tests.streams.media.traffic import PCMU, T0, A, B, Heard, Packet, opened, run, talk

PUBLIC = bytes([198, 51, 100, 7])


def at(seconds: float) -> int:
    return T0 + round(seconds * 1e6)


def packets_of(heard: Heard) -> dict[str, int]:
    """Packets by call, "" for nobody's."""
    found: dict[str, int] = {}
    for info in heard.infos:
        rows = heard.rows.get(info.stream, [])
        found[info.cdr_id] = found.get(info.cdr_id, 0) + sum(row[W.PACKETS] for row in rows)
    return found


def test_the_destination_names_the_call_and_the_other_side_talks() -> None:
    heard = run(talk(50), [opened(0.0, owner="b")])
    info = heard.info("call")
    assert (info.side, info.matched_by) == ("a", "sdp-destination")


def test_the_source_names_the_call_where_the_destination_does_not() -> None:
    heard = run(talk(50), [opened(0.0, owner="a", place=(A, 4000))])
    info = heard.info("call")
    assert (info.side, info.matched_by) == ("a", "sdp-source")


def test_an_ice_candidate_names_the_call() -> None:
    heard = run(talk(50), [opened(0.0, place=(PUBLIC, 9), candidates=[(B, 5000)])])
    assert heard.info("call").matched_by == "ice"


def test_a_nat_alias_names_the_call() -> None:
    inside = bytes([192, 168, 0, 9])
    heard = run(
        talk(50),
        [opened(0.0, place=(inside, 5000))],
        settings=MediaSettings(natalias={"10.0.0.2": "192.168.0.9"}),
    )
    assert heard.info("call").matched_by == "natalias"


def test_the_source_of_the_sip_message_with_the_port_of_the_sdp_names_the_call() -> None:
    heard = run(talk(50), [opened(0.0, place=(PUBLIC, 5000), sip_ip=B)])
    assert heard.info("call").matched_by == "sip-source"


def test_media_up_to_two_seconds_before_its_announcement_belongs_to_the_call() -> None:
    assert packets_of(run(talk(200), [opened(1.9)])) == {"call": 200}


def test_older_media_belongs_to_nobody() -> None:
    assert packets_of(run(talk(400), [opened(5.0)])) == {"": 150, "call": 250}


def test_an_announcement_never_reaches_into_a_former_calls_time() -> None:
    events = [opened(0.0, "one"), CallEnded(at(2.0), "one"), opened(3.0, "two")]
    assert packets_of(run(talk(300), events)) == {"one": 151, "two": 149}


def test_a_flow_stays_with_its_call_for_a_second_and_then_is_nobodys() -> None:
    events = [opened(0.0), CallEnded(at(2.0), "call")]
    assert packets_of(run(talk(300), events)) == {"call": 151, "": 149}


def test_a_port_used_again_at_once_is_cut_where_the_flow_breaks() -> None:
    """The generator that uses one SSRC and one port for every call."""
    packets = talk(100) + talk(100, start=2.3)
    events = [
        opened(0.0, "one"), CallEnded(at(2.0), "one"), opened(2.1, "two"), CallAnswered(at(2.2), "two", ""),
    ]  # fmt: skip
    heard = run(packets, events)
    assert packets_of(heard) == {"one": 100, "two": 100}
    assert sum(row[W.DUPLICATES] + row[W.STRAY] for rows in heard.rows.values() for row in rows) == 0


def test_a_call_whose_end_was_not_seen_gives_its_port_to_the_next_one_answered() -> None:
    packets = talk(100) + talk(100, start=20.0, first=9000)
    events = [opened(0.0, "one"), opened(19.0, "two"), CallAnswered(at(19.5), "two", "")]
    heard = run(packets, events)
    assert packets_of(heard)["one"] == 100 + 100  # the stale call still claims the address
    assert packets_of(heard)["two"] == 100
    assert heard.info("two").owners == 2


def test_two_calls_with_the_same_endpoint_share_the_stream() -> None:
    heard = run(talk(100), [opened(0.0, "one"), opened(0.5, "two")])
    assert packets_of(heard) == {"one": 100, "two": 100}
    assert heard.info("two").owners == 2


def test_of_calls_that_are_answered_on_one_port_each_has_the_stream_of_its_own_caller() -> None:
    ports = {"first": 4000, "second": 4004, "third": 4008}
    events: list[EndpointEvent] = []
    packets = []
    for n, (call, port) in enumerate(ports.items()):
        begin = 0.1 * n
        events += [
            opened(begin, call, "a", (A, port)),
            opened(begin, call, "b"),
            CallAnswered(at(begin), call, ""),
        ]
        packets += talk(100, start=begin + 0.01, source=(A, port), ssrc=7)
    heard = run(sorted(packets, key=lambda packet: packet.at), events)
    assert packets_of(heard) == dict.fromkeys(ports, 100)
    assert {call: heard.info(call).src_port for call in ports} == ports
    assert {heard.info(call).owners for call in ports} == {1}


def test_of_very_many_calls_on_one_port_each_has_its_own_stream() -> None:
    events: list[EndpointEvent] = []
    for n in range(300):
        events += [opened(0.0, str(n), "a", (A, 4000 + n)), opened(0.0, str(n), "b")]
    heard = run([*talk(50, start=0.1, source=(A, 4003)), *talk(50, start=2.0, source=(A, 4299))], events)
    assert packets_of(heard) == {"3": 50, "299": 50}


def test_media_moved_elsewhere_leaves_the_old_address_to_nobody() -> None:
    events = [opened(0.0), EndpointClosed(at(1.0), "call", "b", 0, "", B, 5000)]
    assert packets_of(run(talk(200), events)) == {"call": 101, "": 99}


def test_the_branch_is_that_of_the_answering_side() -> None:
    events = [
        opened(0.0, owner="a", place=(A, 4000)),
        opened(0.1, owner="b", place=(B, 5000), branch="tag-b"),
    ]
    back = [
        Packet(p.at, p.sequence, p.timestamp, source=(B, 5000), destination=(A, 4000), ssrc=2)
        for p in talk(50)
    ]
    infos = run(sorted([*talk(50), *back], key=lambda p: p.at), events).infos
    assert {(info.side, info.branch) for info in infos} == {("a", "tag-b"), ("b", "tag-b")}


def test_a_dynamic_type_has_the_clock_that_the_call_announced() -> None:
    opus = [Payload(111, "OPUS", 48000)]
    packets = [Packet(n * 0.02, n + 1, 960 * n, payload_type=111) for n in range(200)]
    heard = run(packets, [opened(0.0, payloads=opus)])
    assert heard.total(W.JITTER_SUM) == 0
    assert heard.rows[heard.info("call").stream][0][W.PTIME] == 20_000


def test_sound_with_redundancy_is_measured_as_what_it_carries() -> None:
    both = [Payload(63, "RED", 48000), Payload(101, "TELEPHONE-EVENT", 48000), Payload(111, "OPUS", 48000)]
    found = []
    for payload_type in (63, 111):
        packets = [Packet(n * 0.02, n + 1, 960 * n, payload_type=payload_type) for n in range(200) if n != 50]
        heard = run(packets, [opened(0.0, payloads=both)])
        found.append([heard.total(column) for column in (W.MOS, W.JITTER_COUNT, W.PTIME, W.LOST_2)])
    assert found[0] == found[1]
    assert found[0][0] > 4_000_000


def test_a_new_offer_changes_the_clock_from_its_time_on() -> None:
    packets = [Packet(n * 0.02, n + 1, (160 if n < 100 else 960) * n, payload_type=96) for n in range(200)]
    events = [
        opened(0.0, payloads=[Payload(96, "X-LOW", 8000)]),
        opened(1.99, payloads=[Payload(96, "OPUS", 48000)]),
    ]
    for cuts in ([], [50, 99, 120], list(range(200))):
        heard = run(packets, events, cuts=cuts)
        assert packets_of(heard) == {"call": 200}
        assert heard.total(W.JITTER_COUNT) == 198  # not across the change of clock


def test_the_gap_before_the_first_packet_after_a_new_offer_is_no_loss() -> None:
    packets = talk(100) + talk(100, start=30.0, first=1600)
    answered = CallAnswered(at(0.1), "call", "")
    events = [opened(0.0), answered, opened(29.0, payloads=[Payload(8, "PCMA", 8000), *PCMU])]
    heard = run(packets, events)
    assert heard.total(W.PACKETS) == heard.total(W.EXPECTED) == 200
    assert heard.total(W.RUN_10) == heard.total(W.LOST_2) == 0
    assert run(packets, events[:1]).total(W.EXPECTED) == 1600


def test_a_key_is_told_or_that_one_was_pressed() -> None:
    def keys(event: int) -> list[Packet]:
        pressed = [
            Packet(
                2.0 + n * 0.02,
                200 + n,
                32_000,
                payload_type=101,
                payload=bytes([event, 0x80 * (n > 4), n, 64]),
            )
            for n in range(8)
        ]
        return [*talk(100), *pressed]

    for event, digit in ((MASKED_EVENT, "X"), (7, "7")):
        heard = run(keys(event), [opened(0.0)])
        (found,) = [digit for batch in heard.batches for digit in batch.digits]
        assert (found.digit, found.time_us, found.duration_ms) == (digit, at(2.0), (5 * 256 + 64) // 8)


def test_rows_go_to_the_partitions_of_their_calls() -> None:
    calls = [f"call-{n}" for n in range(20)]
    packets = sorted(
        (
            Packet(p.at, p.sequence, p.timestamp, ssrc=n, destination=(B, 5000 + 2 * n))
            for n in range(20)
            for p in talk(30)
        ),
        key=lambda packet: packet.at,
    )
    events = [opened(0.0, call, place=(B, 5000 + 2 * n)) for n, call in enumerate(calls)]
    one, eight = run(packets, events), run(packets, events, calls=8)
    assert packets_of(one) == packets_of(eight) == dict.fromkeys(calls, 30)
    assert one.flat() == eight.flat()
