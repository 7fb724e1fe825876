"""The call record: put together from the call's signalling, its streams' sums, and what relates to it."""

from collections.abc import Iterable, Sequence

import numpy as np

from schemas.cdr import CallRecord, DtmfEvent, RelatedCall
from schemas.cdr_rejected import RejectedCall
from streams.addresses import address_text
from streams.bounds import DIGITS_MAX
from streams.dialogs.call import CAPTURE_END, START_NOT_SEEN, Call
from streams.records import flags
from streams.records.fold import HeardStream, StreamSums, sums_until
from streams.records.missing import Missing, touched
from streams.records.outcome import BROKEN_OFF, Ending, ending, start_not_seen
from streams.records.sensors import of_one_sensor
from streams.records.sides import (
    Side,
    counted,
    dead_air_inside,
    line_up,
    one_way,
    side_figures,
    suppresses_silence,
    talk_span,
)
from streams.records.stream_record import StreamView, stream_record
from streams.records.timers import RTP_TIMEOUT, known_us, media_timeout
from streams.settings import RecordSettings

OWNER_STAYS_US = 1_000_000
"""A stream stays its owner's for so long after the call ended."""

_SIDE_NAMES = {"a": "caller", "b": "callee"}


def stream_views(call: Call, streams: Iterable[HeardStream], sums: StreamSums) -> list[StreamView]:
    """The call's streams in order of their first packet, each from one sensor; those without packets not."""
    views = []
    for heard in streams:
        view = StreamView(heard, heard.infos[call.cdr_id], _sums_of(call, heard, sums), call)
        if view.packets > 0:
            views.append(view)
    views.sort(key=lambda view: (view.first, view.heard.stream))
    if all(view.info.sensor == views[0].info.sensor for view in views):
        return views
    return of_one_sensor(views, sums, call)


def _sums_of(call: Call, heard: HeardStream, sums: StreamSums) -> list[int]:
    """The stream's sums; of a shared one only what came while the call had it."""
    if heard.rows and call.ended_us is not None and any(info.owners > 1 for info in heard.infos.values()):
        return sums_until(np.concatenate(heard.rows), known_us(call) + OWNER_STAYS_US)
    return sums.sums(heard)


def last_rtp(views: Iterable[StreamView]) -> int | None:
    """The last packet of any stream."""
    return max((view.last for view in views), default=None)


def end_reason(call: Call, last_rtp_us: int | None, clock_us: int, settings: RecordSettings) -> str:
    """Why the call ended: a media timer that fired before the call's end is above the dialogs' reason."""
    if call.ended_us is None:
        at = clock_us
    else:
        at = call.ended_us if call.end_reason == CAPTURE_END else known_us(call)
    return media_timeout(call, last_rtp_us, at, settings) or call.end_reason or CAPTURE_END


def call_record(
    call: Call,
    views: Sequence[StreamView],
    media_sensors: Iterable[str],
    why_ended: str,
    related: Iterable[tuple[str, str]],
    missing: Missing,
    streams_omitted: bool,
    version: int,
    complete: bool,
) -> CallRecord:
    """The record of a call whose streams, in order, are `views`; `media_sensors` heard any of them.

    Nothing is said of a silence in a time of which RTP is `missing`.
    """
    rtp_end = last_rtp(views)
    end = ending(call, rtp_end, why_ended)
    holds = [(hold.since, end.end_us if hold.until is None else hold.until) for hold in call.holds]
    for view in views:
        view.dtx = suppresses_silence(view, holds)
    excused = [*holds, *missing.media]
    lines = {side: line_up(views, side, call) for side in "ab"}
    heard = any(lines.values())
    talk = talk_span(call, end.end_us, views)
    a, b = (side_figures(counted(lines[side], call), talk, excused, call, heard) for side in "ab")
    after_last = {side.last_stream: side.lost_after_last for side in (a, b)}
    for view in views:
        view.dead_us = dead_air_inside(view, excused)
    streams = [stream_record(view, after_last.get(view.heard.stream)) for view in views]
    encrypted = any(view.info.encrypted for view in views) if views else call.encrypted_offer
    silent = one_way(a, b)
    scores = [side.mos for side in (a, b) if side.mos is not None]
    return CallRecord(
        cdr_id=call.cdr_id,
        version=version,
        complete=complete,
        account=call.account,
        site=call.site,
        sensor_id=call.sensor,
        sensor_ids=sorted({*call.sensors, *media_sensors}),
        start=call.start_us,
        call_id=call.call_id,
        from_tag=call.from_tag,
        to_tag=call.to_tag,
        session_id=call.session_id,
        related=_related(call, related),
        caller=call.caller,
        caller_domain=call.caller_domain,
        caller_name=call.caller_name,
        callee=call.callee,
        callee_domain=call.callee_domain,
        callee_name=call.callee_name,
        request_uri=call.request_uri,
        asserted_caller=call.asserted_caller,
        diversion=call.diversion,
        headers=dict(call.headers),
        src_ip=address_text(call.src_ip),
        src_port=call.src_port,
        dst_ip=address_text(call.dst_ip),
        dst_port=call.dst_port,
        transport=call.transport,
        vlan=call.vlan if call.vlan >= 0 else None,
        proxies=list(call.proxies),
        dscp_sip_a=call.dscp_a,
        dscp_sip_b=call.dscp_b,
        invite_time=call.invite_us,
        ringing_time=call.ringing_us,
        answer_time=call.answer_us,
        bye_time=call.bye_us,
        end_time=end.end_us,
        duration=end.duration,
        connect_duration=end.connect_duration,
        pdd=end.pdd,
        response_time_100_ms=end.response_time_100_ms,
        response_time_ms=end.response_time_ms,
        post_bye_delay=end.post_bye_delay,
        outcome=end.outcome,
        response_code=call.status,
        response_reason=call.status_reason,
        hung_up_by=_SIDE_NAMES.get(call.hung_up_by or ""),
        bye_code=end.bye_code,
        end_reason=end.end_reason,
        reason_sip_cause=call.reason_sip_cause,
        reason_q850_cause=call.reason_q850_cause,
        reason_text=call.reason_text,
        replaces=call.replaces,
        user_agent_caller=call.user_agent_caller,
        user_agent_callee=call.user_agent_callee,
        invite_retransmissions=call.invite_retransmissions,
        sip_messages=call.messages,
        codec_a=a.codec,
        codec_b=b.codec,
        ptime_a_ms=a.ptime_ms,
        ptime_b_ms=b.ptime_ms,
        packets_a=a.packets,
        packets_b=b.packets,
        lost_a=a.lost,
        lost_b=b.lost,
        loss_a=a.loss,
        loss_b=b.loss,
        jitter_a_ms=a.jitter_ms,
        jitter_b_ms=b.jitter_ms,
        mos_a=a.mos,
        mos_b=b.mos,
        mos_a_min=a.mos_min,
        mos_b_min=b.mos_min,
        lost_after_last_a=a.lost_after_last,
        lost_after_last_b=b.lost_after_last,
        dead_air_a=_seconds(a.dead_air_us),
        dead_air_b=_seconds(b.dead_air_us),
        first_rtp_time_a=a.first_us,
        first_rtp_time_b=b.first_us,
        dscp_rtp_a=a.dscp,
        dscp_rtp_b=b.dscp,
        mos=min(scores, default=None),
        one_way=silent,
        encrypted_media=encrypted,
        t38=any(view.udptl for view in views),
        capture_drops=0,
        flags=_flags(call, end, views, a, b, silent, encrypted, streams_omitted, missing),
        sip_events=list(call.events),
        sip_events_omitted=call.events_omitted,
        dtmf=_dtmf(call, [*lines["a"], *lines["b"]]),
        hold=list(call.holds),
        streams=streams,
    )


def _related(call: Call, found: Iterable[tuple[str, str]]) -> list[RelatedCall]:
    """Those its own headers name, then those that were found; each once."""
    whys: dict[str, str] = {}
    for call_id, why in (*call.related, *found):
        whys.setdefault(call_id, why)
    return [RelatedCall(call_id, why) for call_id, why in whys.items()]


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / 1e6


def _dtmf(call: Call, lines: Sequence[StreamView]) -> list[DtmfEvent]:
    """SIP INFO and RFC 4733 digits in order of time, each once: of the streams whose figures count."""
    if not call.digits and not any(view.digits for view in lines):
        return []
    events = list(call.digits)
    for view in lines:
        side = view.info.side or None
        for digit in view.digits:
            events.append(DtmfEvent(digit.time_us, side, digit.digit, digit.duration_ms, "rfc4733"))
    events.sort(key=lambda event: (event.time, event.side or "", event.digit, event.source))
    return events[:DIGITS_MAX]


def _flags(
    call: Call,
    end: Ending,
    views: Sequence[StreamView],
    a: Side,
    b: Side,
    silent: str | None,
    encrypted: bool,
    streams_omitted: bool,
    missing: Missing,
) -> list[str]:
    found = set(call.flags)
    media_unread = call.media_announced and touched(call, end.end_us, missing.media)
    for view in views:
        if view.info.owners > 1:
            found.add(flags.SHARED_MEDIA)
        if view.restarts:
            found.add(flags.RESTARTS)
        if view.copies:
            found.add(flags.CAPTURE_COPIES)
        if view.udptl:
            found.add(flags.T38)
        if view.dtx:
            found.add(flags.DTX)
    conditions = (
        (silent is not None, flags.ONE_WAY),
        (a.dead_air_us, flags.DEAD_AIR_A),
        (b.dead_air_us, flags.DEAD_AIR_B),
        (
            not views and call.answer_us is not None and call.media_announced and not media_unread,
            flags.NO_RTP,
        ),
        (media_unread, flags.MEDIA_UNREAD),
        (touched(call, end.end_us, missing.sip), flags.SIP_UNREAD),
        (start_not_seen(call), START_NOT_SEEN),
        (end.end_reason in BROKEN_OFF, flags.END_NOT_SEEN),
        (a.codecs > 1 or b.codecs > 1, flags.CODEC_CHANGE),
        (encrypted, flags.ENCRYPTED),
        (end.end_reason == RTP_TIMEOUT, flags.RTP_TIMEOUT),
        (call.requests_seen != call.responses_seen, flags.ONE_DIRECTION),
        (streams_omitted, flags.STREAMS_OMITTED),
    )
    found.update([flag for holds, flag in conditions if holds])
    return sorted(found)


def rejected_call(record: CallRecord, channels: int, channels_max: int) -> RejectedCall:
    """The short record of a call that found no channel free; `channels` were in use, itself counted."""
    same = {name: getattr(record, name) for name in RejectedCall.__struct_fields__ if hasattr(record, name)}
    return RejectedCall(**same, channels=channels, channels_max=channels_max)
