"""What becomes of a phone's REGISTER requests, and of what else asks outside of calls."""

import pytest
from msgspec.structs import replace

from schemas.clock import END_OF_CAPTURE
from schemas.framing import encode
from schemas.sip_messages import SipBatch
from streams import bounds
from streams.calls import Calls
from streams.registrations.state import MEANINGS
from streams.stage import Input
from tests.streams.builder import ACCOUNT, SENSOR, SITE, us
from tests.streams.registrations.phone import PHONE, PROXY, REGISTRAR, Phone, run


def registered(phone: Phone, at: float = 0.0, cseq: int = 1, granted: int = 60) -> Phone:
    """Asked for credentials, registered."""
    phone.asks(at, cseq).hears(at + 0.01, cseq, 401, nonce=f"n{cseq}")
    return phone.asks(at + 0.02, cseq + 1, nonce=f"n{cseq}").hears(at + 0.05, cseq + 1, 200, granted=granted)


def test_a_phone_that_is_challenged_once_is_registered_without_a_failure() -> None:
    row = registered(Phone()).row()
    assert (row.state, row.method, row.user, row.domain) == ("registered", "REGISTER", "1001", "example.org")
    assert (row.requests, row.challenges, row.successes, row.failures, row.unanswered) == (2, 1, 1, 0, 0)
    assert (row.expires_asked, row.expires) == (3600, 60)
    assert row.registered_since == us(0.05)
    assert row.registered_until == us(60.05)
    assert row.codes == {"200": 1, "401": 1}
    assert (row.response_time_avg_ms, row.response_time_max_ms) == (20.0, 30.0)
    assert (row.src_ip, row.src_port, row.dst_ip) == (*PHONE, REGISTRAR[0])
    assert (row.user_agent, row.server) == ("Desk/1.0", "Registrar/2")
    assert row.contact == "sip:1001@192.0.2.10:5060"
    assert row.flags == []


def test_refreshes_keep_the_beginning_and_move_the_end() -> None:
    phone = registered(Phone())
    for n in range(1, 4):
        phone.asks(50.0 * n, 10 + n).hears(50.0 * n + 0.01, 10 + n, 200, granted=60)
    row = phone.row()
    assert row.registered_since == us(0.05)
    assert row.registered_until == us(210.01)
    assert row.successes == 4


def test_a_registration_that_is_not_refreshed_expires_and_its_row_ends() -> None:
    row = registered(Phone()).row(until=3000)
    assert row.state == "expired"
    assert row.registered_until == us(60.05)


def test_a_refresh_after_the_end_begins_a_new_registration_in_the_same_row() -> None:
    row = registered(registered(Phone()), at=80, cseq=5).row()
    assert (row.state, row.registered_since) == ("registered", us(80.05))


def test_much_later_it_is_another_row() -> None:
    assert len(registered(registered(Phone()), at=5000, cseq=5).rows()) == 2


def test_unregistered() -> None:
    phone = registered(Phone())
    row = phone.asks(5, 9, expires=0).hears(5.01, 9, 200).row()
    assert (row.state, row.expires, row.registered_until) == ("unregistered", 0, us(5.01))


def test_credentials_that_are_asked_for_again_were_refused() -> None:
    phone = Phone().asks(0, 1).hears(0.01, 1, 401, nonce="a")
    row = phone.asks(0.1, 2, nonce="a").hears(0.2, 2, 401, nonce="b", reason="Unauthorized").row()
    assert (row.state, row.challenges, row.failures) == ("failed", 2, 1)
    assert (row.last_failure_code, row.last_failure_reason) == (401, "Unauthorized")
    assert row.flags == ["credentials-refused"]


@pytest.mark.parametrize("stale", [True, False])
def test_a_nonce_that_is_too_old_is_no_failure(stale: bool) -> None:
    phone = registered(Phone())
    phone.asks(30, 5, nonce="n1").hears(30.01, 5, 401, nonce="new", stale=stale)
    row = phone.asks(30.1, 6, nonce="new").hears(30.2, 6, 200, granted=60).row()
    assert (row.failures, row.challenges, row.state) == (0, 2, "registered")


def test_who_never_comes_back_with_credentials_is_challenged() -> None:
    row = Phone().asks(0, 1).hears(0.01, 1, 401, nonce="a").row(until=10)
    assert (row.state, row.failures) == ("challenged", 0)


def test_a_failure_says_code_reason_and_time() -> None:
    row = Phone().asks(0, 1).hears(0.5, 1, 403, reason="Forbidden").row()
    assert (row.state, row.failures, row.last_failure_code) == ("failed", 1, 403)
    assert row.last_failure_reason == "Forbidden"
    assert row.last_failure_time == us(0.5)


def test_requests_that_nobody_answers_are_counted_once_each() -> None:
    phone = Phone()
    for cseq, at in ((1, 0.0), (2, 60.0)):
        for again in (0, 0.5, 1.5, 3.5):
            phone.asks(at + again, cseq)
    row = phone.row(until=120)
    assert (row.requests, row.retransmissions, row.unanswered) == (2, 6, 2)
    assert (row.state, row.last_failure_code) == ("unanswered", None)
    assert row.flags == ["no-responses"]


def test_a_copy_is_no_retransmission() -> None:
    row = Phone().asks(0, 1).asks(0.0001, 1).hears(0.01, 1, 200, granted=60).hears(0.0101, 1, 200).row()
    assert (row.requests, row.retransmissions, row.successes) == (1, 0, 1)


def test_a_request_heard_on_two_hops_is_one_request() -> None:
    phone = Phone().asks(0, 1).asks(0.001, 1, path=(PROXY, REGISTRAR))
    phone.hears(0.01, 1, 200, granted=60, path=(PROXY, REGISTRAR)).hears(0.011, 1, 200, granted=60)
    row = phone.row()
    assert (row.requests, row.successes, row.response_time_max_ms) == (1, 1, 11.0)
    assert (row.src_ip, row.dst_ip) == (PHONE[0], REGISTRAR[0])


def test_answers_without_requests() -> None:
    row = Phone().hears(0, 1, 200, granted=60).row()
    assert (row.state, row.requests, row.successes, row.flags) == ("registered", 0, 1, ["no-requests"])
    assert (row.src_ip, row.dst_ip) == (PHONE[0], REGISTRAR[0])
    assert row.response_time_avg_ms is None


def test_a_phone_behind_nat_that_moves() -> None:
    phone = Phone()
    phone.contact = "sip:1001@10.0.0.7:5060"
    phone.asks(0, 1).hears(0.1, 1, 200, granted=60)
    phone.address = (PHONE[0], 40000)
    row = phone.asks(30, 2).hears(30.1, 2, 200, granted=60).row()
    assert row.flags == ["nat", "source-changed"]
    assert (row.source_changes, row.src_port) == (1, 40000)
    assert set(row.flags) <= set(MEANINGS)


def test_a_query_for_bindings_changes_nothing() -> None:
    row = registered(Phone()).asks(5, 9, binds=False).hears(5.1, 9, 200, granted=50).row()
    assert (row.state, row.expires, row.registered_until) == ("registered", 60, us(60.05))


@pytest.mark.parametrize("method", ["OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE"])
def test_other_methods_have_rows_of_their_own(method: str) -> None:
    phone = Phone(method=method)
    for n in range(3):
        phone.asks(30.0 * n, n + 1, expires=None).hears(30.0 * n + 0.02, n + 1, 200)
    row = phone.row()
    assert (row.method, row.state, row.requests, row.successes) == (method, "answered", 3, 3)
    assert row.registered_since is None


def test_a_pinger_that_repeats_cseq_asks_anew_each_time() -> None:
    phone = Phone(method="OPTIONS")
    for n in range(3):
        branch = f"z9hG4bKping{n}"
        phone.asks(10.0 * n, 1, branch=branch).hears(10.0 * n + 0.1, 1, 200, branch=branch)
    assert phone.row().requests == 3


def test_a_change_of_state_is_said_at_once_and_the_last_version_is_complete() -> None:
    phone = Phone().asks(0, 1).hears(0.1, 1, 200, granted=3600)
    stage = Calls(0)
    batch = SipBatch(ACCOUNT, SITE, SENSOR, us(1), phone.said)
    (first,) = [
        fact.value for fact in stage.step([Input("sip.messages", batch)]) if fact.topic == "registrations"
    ]
    assert (first.state, first.complete, first.version) == ("registered", False, 1)
    end = SipBatch(ACCOUNT, SITE, SENSOR, END_OF_CAPTURE, [])
    (last,) = [
        fact.value for fact in stage.step([Input("sip.messages", end)]) if fact.topic == "registrations"
    ]
    assert (last.complete, last.version, last.registration_id) == (True, 2, first.registration_id)


def test_the_bound_lets_the_longest_silent_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "REGISTRATIONS", 2)
    stage = Calls(0)
    said = [p for n in range(3) for p in Phone(f"10{n}", call_id=f"c{n}").asks(n, 1).said]
    rows = run(said, stage=stage)
    evicted = [row.user for row in rows if "evicted" in row.flags]
    assert evicted == ["100"]
    assert stage.counters["registrations-evicted"] == 1
    assert len({row.registration_id for row in rows}) == 3


def test_hostile_headers_do_not_break_the_row() -> None:
    raw = (
        b"REGISTER sip:\xff SIP/2.0\r\nVia: x\r\nFrom: <sip:\xff\xfe@h>\r\nTo: <sip:"
        + b"u" * 5000
        + b"@h>\r\n"
        b"Call-ID: c\r\nCSeq: 1 REGISTER\r\nContact: *\r\nExpires: 99999999999\r\n\r\n"
    )
    (row,) = run([replace(Phone().asks(0, 1).said[0], raw=raw)])
    assert row.user == "u" * bounds.TEXT
    assert row.contact == "*"
    assert encode("registrations", row)
