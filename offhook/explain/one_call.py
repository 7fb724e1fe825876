"""Why one call is as it is: not answered, no RTP, one side only, no BYE."""

from collections.abc import Iterator

from offhook.errors import CommandError
from offhook.explain.evidence import Evidence
from offhook.explain.finding import HIGH, LOW, MEDIUM, Finding, finding
from offhook.explain.media import advice_of, reasons_of, title_of
from offhook.explain.silence import Media
from offhook.explain.words import count, end, when
from offhook.ids import LEAST, several_named
from offhook.text import clean
from schemas.cdr import CallRecord
from streams.dialogs.call import START_NOT_SEEN
from streams.records.flags import END_NOT_SEEN, NO_RTP, ONE_DIRECTION

_SIDES = {"a": "caller", "b": "callee"}
_NO_BYE = {
    "timeout-rtp": "its RTP stopped, and no BYE came",
    "timeout-no-rtp": "no RTP came, and no BYE",
    "timeout-absolute": "it was longer than any call may be",
    "timeout-no-answer": "neither ringing nor an answer came",
    "timeout-one-way": "nothing came from the other side",
    "call-id-reused": "its Call-ID was used for a new call before a BYE was heard",
    "evicted": "there were more calls at once than the bound",
    "too-many-messages": "it had more SIP messages than the bound",
}


def calls_named(evidence: Evidence, name: str) -> list[CallRecord]:
    """The calls of that Call-ID or cdr_id, or of the one that begins so; CommandError where several do."""
    exact = [call for call in evidence.calls if name in (call.call_id, call.cdr_id)]
    if exact or name in evidence.sides or len(name) < LEAST:
        return exact
    found = [call for call in evidence.calls if call.call_id.startswith(name)]
    found = found or [call for call in evidence.calls if call.cdr_id.startswith(name.lower())]
    ids = list(dict.fromkeys(call.call_id for call in found))
    if len(ids) > 1:
        raise CommandError(several_named(name, ids))
    return found


def no_such_call(evidence: Evidence, name: str) -> Finding:
    """What there is of a Call-ID that is no call's."""
    if name in evidence.sides:
        rows = [row for row in evidence.registrations if row.call_id == name]
        return finding(
            "not-a-call",
            HIGH,
            "messages with this Call-ID are no call: there is no INVITE",
            (
                f"{row.method} of {row.user or '?'}: {count(row.requests, 'request')}, {row.state}"
                for row in rows
            ),
            "see `--rows registrations --filter 'call_id=...'` and `--rows messages`",
            call_id=name,
        )
    return finding(
        "call-not-found",
        HIGH,
        "no message in the capture has this Call-ID",
        [f"{count(len(evidence.calls), 'call')} are in the capture"],
        "compare letters and case; each leg behind a border controller has a Call-ID of its own "
        "(`related` of the "
        "other leg names it); what follows is about the whole capture",
        call_id=name,
    )


def call_findings(media: Media, call: CallRecord) -> Iterator[Finding]:
    """What explains one call."""
    yield from _signalling(call)
    yield from _answer(call)
    if NO_RTP in call.flags or call.one_way is not None:
        yield _silence(media, call)
    elif call.answer_time is not None and not call.streams:
        yield _no_description(media, call)
    for side, seconds in (("a", call.dead_air_a), ("b", call.dead_air_b)):
        if seconds and call.one_way != side:
            yield finding(
                "dead-air",
                MEDIUM,
                f"nothing was heard from the {_SIDES[side]} for {seconds:.1f} s, though it had to be sending",
                [],
                "see `--rows windows` for when; a firewall's or NAT's time-out cuts media in the middle "
                "of calls",
                call_id=call.call_id,
            )
    yield from _ends(call)


def _signalling(call: CallRecord) -> Iterator[Finding]:
    if ONE_DIRECTION in call.flags:
        yield finding(
            "sip-one-direction",
            HIGH,
            "its SIP was seen in one direction only",
            [f"{count(call.sip_messages, 'message')} between {call.src_ip} and {call.dst_ip}"],
            "mirror both directions of the link, or find the other path that the answers take",
            call_id=call.call_id,
            first_us=call.start,
        )


def _answer(call: CallRecord) -> Iterator[Finding]:
    if call.answer_time is not None or call.outcome == "answered":
        return
    said = " ".join(filter(None, (str(call.response_code or ""), clean(call.response_reason or ""))))
    cause = [f"Reason: {clean(call.reason_text)}"] if call.reason_text else []
    cause += [f"Q.850 cause {call.reason_q850_cause}"] if call.reason_q850_cause is not None else []
    silent = call.response_code is None
    yield finding(
        "not-answered",
        HIGH,
        f"it was never answered ({call.outcome}{f': {said}' if said else ''}): no RTP is to be expected",
        [
            f"INVITE from {end((call.src_ip, call.src_port))} to {end((call.dst_ip, call.dst_port))} at "
            f"{when(call.invite_time or call.start)}, sent {count(call.invite_retransmissions, 'time')} "
            f"again",
            *cause,
        ],
        "nobody answers at that address, or the answers were not captured" if silent else
        "the answer says why; see the ladder: `--call`",
        call_id=call.call_id,
        first_us=call.start,
    )  # fmt: skip


def _silence(media: Media, call: CallRecord) -> Finding:
    reasons = reasons_of(media, call)
    kind = reasons[0].kind
    what = (
        "no RTP was heard"
        if NO_RTP in call.flags
        else f"nothing was heard from the {_SIDES[call.one_way or 'a']}"
    )
    sent = [f"{side} sent {n:,} packets" for side, n in (("a", call.packets_a), ("b", call.packets_b)) if n]
    return finding(
        kind,
        HIGH,
        f"{what}: {title_of(kind)}",
        [*(reason.text for reason in reasons), *sent],
        advice_of(kind),
        call_id=call.call_id,
        first_us=call.answer_time or call.start,
    )


def _no_description(media: Media, call: CallRecord) -> Finding:
    announced = media.evidence.announced.get(call.call_id, [])
    return finding(
        "no-streams",
        MEDIUM,
        "it was answered, and no stream was found for it",
        [f"announced: {end(each.at)} ({each.kind}, {each.direction or 'sendrecv'})" for each in announced]
        or ["no session description was seen: cut off, in a fragment that is missing, or encrypted"],
        "see the messages: `--call ID --messages`",
        call_id=call.call_id,
        first_us=call.start,
    )


def _ends(call: CallRecord) -> Iterator[Finding]:
    if START_NOT_SEEN in call.flags:
        yield finding(
            "calls-begun-before", LOW, "it began before the capture did",
            [f"first heard at {when(call.start)}"],
            "give the file before this one too", call_id=call.call_id,
        )  # fmt: skip
    if END_NOT_SEEN in call.flags:
        yield finding(
            "calls-not-ended", LOW, "there is no BYE: the capture ended before the call did",
            [f"last heard at {when(call.end_time)}"], "give the file after this one too",
            call_id=call.call_id,
        )  # fmt: skip
    elif call.outcome == "answered" and call.bye_time is None and call.end_reason in _NO_BYE:
        yield finding(
            "no-bye",
            MEDIUM,
            f"there is no BYE: {_NO_BYE[call.end_reason]}",
            [f"last heard at {when(call.end_time)}"],
            "a phone lost power or network, or the BYE took another way than the capture point",
            call_id=call.call_id,
        )
    elif call.bye_time is not None and call.bye_code == 2:
        yield finding(
            "bye-unanswered", LOW, "no answer to its BYE was seen", [f"BYE at {when(call.bye_time)}"],
            "the other side had gone, or its answers take another way", call_id=call.call_id,
        )  # fmt: skip
