"""Every SIP datagram of the collection as tshark and the sipmessage library read it."""

from pathlib import Path

import pytest
import sipmessage

from protocols import rtp_profile, sdp, sip
from protocols.sip import NameAddr, SipMessage, Uri
from tests.paths import CAPTURES
from tests.protocols.conftest import Row, decode

FIELDS = """
udp.payload sip.Method sip.Status-Code sip.r-uri sip.Call-ID sip.from.tag sip.to.tag sip.CSeq.seq
sip.CSeq.method sip.Via.branch sip.Via.transport sip.Via.sent-by.address sip.Via.sent-by.port sip.from.user
sip.from.host sip.from.port sip.to.user sip.to.host sip.Content-Type sip.Expires sip.Max-Forwards
sip.User-Agent sip.Server sip.reason_cause_q850 sdp.media.media sdp.media.port sdp.media.proto
sdp.connection_info.address sdp.owner.sessionid sdp.owner.version sdp.mime.type sdp.sample_rate
"""
FUZZED = CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_fuzz-2006-06-26-2594.pcap"


def octets(row: Row) -> bytes:
    return bytes.fromhex(row["udp.payload"][0])


@pytest.fixture(scope="module")
def rows(merged: Path) -> list[Row]:
    found = decode(merged, "sip && udp && !icmp", FIELDS.split())
    return [row for row in found if len(row["udp.payload"]) == 1]


@pytest.fixture(scope="module")
def heard(rows: list[Row]) -> list[tuple[Row, SipMessage]]:
    """What both read, but for lines that end in CR CR LF: we read on, tshark takes them for the end."""
    both = []
    for row in rows:
        raw = octets(row)
        if row["sip.Call-ID"] and b"\r\r\n" not in raw:
            both.append((row, sip.parse(raw)))
    return both


def first(row: Row, field: str) -> str:
    return row[field][0] if row[field] else ""


def test_the_collection_has_enough_to_compare(heard: list[tuple[Row, SipMessage]]) -> None:
    assert len(heard) > 700
    assert sum(message.sdp is not None for _, message in heard) > 150


def test_only_messages_without_call_id_are_refused(rows: list[Row]) -> None:
    refused = 0
    for row in rows:
        try:
            sip.parse(octets(row))
        except sip.SipError as error:
            assert str(error) == "no Call-ID"
            assert row["sip.Call-ID"] == []
            refused += 1
    assert refused == sum(row["sip.Call-ID"] == [] for row in rows)


def test_what_tshark_calls_sip_looks_like_it(rows: list[Row]) -> None:
    assert all(sip.looks_like_sip(octets(row)) for row in rows)


def test_transactions_and_dialogs_equal_tshark(heard: list[tuple[Row, SipMessage]]) -> None:
    for row, message in heard:
        assert first(row, "sip.Method") == (message.method if message.is_request else "")
        assert first(row, "sip.Status-Code") == (str(message.status) if message.status else "")
        assert first(row, "sip.r-uri") == message.request_uri
        assert first(row, "sip.Call-ID") == message.call_id == (sip.call_id_of(octets(row)) or b"").decode()
        assert first(row, "sip.from.tag") == message.from_tag
        assert first(row, "sip.to.tag") == message.to_tag
        assert first(row, "sip.CSeq.seq") == str(message.cseq)
        assert first(row, "sip.CSeq.method") == message.cseq_method
        assert first(row, "sip.Via.branch") == message.branch


def test_headers_equal_tshark(heard: list[tuple[Row, SipMessage]]) -> None:
    for row, message in heard:
        vias = message.vias
        assert row["sip.Via.transport"] == [via.transport for via in vias]
        assert row["sip.Via.sent-by.address"] == [via.host for via in vias]
        assert row["sip.Via.sent-by.port"] == [str(via.port) for via in vias if via.port]
        assert first(row, "sip.Content-Type") == (message.header("Content-Type") or "")
        assert first(row, "sip.User-Agent") == (message.header("User-Agent") or "")
        assert first(row, "sip.Server") == (message.header("Server") or "")
        assert first(row, "sip.Expires") == ("" if message.expires is None else str(message.expires))
        hops = message.max_forwards
        assert first(row, "sip.Max-Forwards") == ("" if hops is None else str(hops))
        causes = [str(reason.cause) for reason in message.reasons if reason.protocol == "Q.850"]
        if " ;" not in (message.header("Reason") or ""):  # tshark reads no cause behind a space
            assert row["sip.reason_cause_q850"] == causes


def test_parties_equal_tshark(heard: list[tuple[Row, SipMessage]]) -> None:
    """tshark 4.0 leaves out a user part of one character."""
    for row, message in heard:
        caller, callee = message.from_.uri, message.to.uri
        assert first(row, "sip.from.user") == (caller.user if len(caller.user) > 1 else "")
        assert first(row, "sip.to.user") == (callee.user if len(callee.user) > 1 else "")
        assert first(row, "sip.from.host").lower() == caller.host
        assert first(row, "sip.from.port") == (str(caller.port) if caller.port else "")
        assert first(row, "sip.to.host").lower() == callee.host


def test_session_descriptions_equal_tshark(heard: list[tuple[Row, SipMessage]]) -> None:
    compared = 0
    for row, message in heard:
        if message.sdp is None or message.sdp == b"good":  # one capture's joke
            assert row["sdp.media.media"] == []
            continue
        description = sdp.parse(message.sdp)
        compared += 1
        media = description.media
        assert row["sdp.media.media"] == [one.kind for one in media]
        assert row["sdp.media.port"] == [str(one.port) for one in media]
        assert row["sdp.media.proto"] == [one.protocol for one in media]
        assert first(row, "sdp.owner.sessionid") == description.session_id
        assert first(row, "sdp.owner.version") == description.session_version
        addresses = {description.address, *(one.address for one in media)} - {""}
        assert set(row["sdp.connection_info.address"]) == addresses
        codecs = {payload.codec for one in media for payload in one.payloads}
        rates = {str(payload.clock_rate) for one in media for payload in one.payloads}
        assert {rtp_profile.codec_name(name) for name in row["sdp.mime.type"]} <= codecs
        assert set(row["sdp.sample_rate"]) - {"16000"} <= rates  # G722/16000 is read as 8000
    assert compared > 150


def test_fuzzed_messages_give_a_message_or_an_error() -> None:
    rows = decode(FUZZED, "udp.payload", ["udp.payload"])
    read = 0
    for row in rows:
        try:
            message = sip.parse(octets(row))
        except sip.SipError:
            continue
        read += 1
        assert isinstance(message.problems, tuple)
        try:
            sdp.parse(message.body)
        except sdp.SdpError as error:
            assert str(error)
    assert read > 30


def test_values_equal_the_sipmessage_library(rows: list[Row]) -> None:
    """On what that library accepts; it keeps the quotes of parameters."""
    compared = 0
    for row in rows:
        raw = octets(row)
        try:
            theirs = sipmessage.Message.parse(raw)
            caller, callee, vias, contacts = (
                theirs.from_address,
                theirs.to_address,
                theirs.via,
                theirs.contact,
            )
        except (ValueError, KeyError):
            continue
        ours = sip.parse(raw)
        compared += 1
        assert ours.call_id == theirs.call_id
        assert (ours.cseq, ours.cseq_method) == (theirs.cseq.sequence, theirs.cseq.method)
        if isinstance(theirs, sipmessage.Request):
            assert ours.method == theirs.method
            assert_same_uri(ours.uri, theirs.uri)
        else:
            assert (ours.status, ours.reason) == (theirs.code, theirs.phrase.strip())
        assert_same_address(ours.from_, caller)
        assert_same_address(ours.to, callee)
        assert ours.from_tag == (caller.parameters.get("tag") or "")
        assert ours.to_tag == (callee.parameters.get("tag") or "")
        assert ours.branch == (vias[0].parameters.get("branch") or "")
        assert [(via.transport, via.host, via.port or None) for via in ours.vias] == [
            (via.transport.upper(), via.host.strip("[]"), via.port) for via in vias
        ]
        assert len(ours.contacts) == len(contacts)
        for one, two in zip(ours.contacts, contacts, strict=True):
            assert_same_address(one, two)
        assert theirs.body.startswith(ours.body)
    assert compared > 500


def assert_same_address(ours: NameAddr, theirs: sipmessage.Address) -> None:
    assert ours.display_name == theirs.name
    assert_same_uri(ours.uri, theirs.uri)
    theirs_unquoted = {name.lower(): (value or "").strip('"') for name, value in theirs.parameters.items()}
    assert ours.params == theirs_unquoted


def assert_same_uri(ours: Uri, theirs: sipmessage.URI) -> None:
    assert ours.scheme == theirs.scheme.lower()
    assert ours.user == (theirs.user or "")
    assert ours.host == theirs.host.strip("[]").lower()
    assert ours.port == (theirs.port or 0)
    assert ours.params == {name.lower(): value or "" for name, value in theirs.parameters.items()}
