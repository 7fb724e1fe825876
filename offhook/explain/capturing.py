"""Findings about the capture itself: cut, damaged, doubled, incomplete, with a clock that jumps."""

from collections.abc import Iterator
from typing import Final

from offhook.counters import MEANINGS
from offhook.explain.evidence import Evidence
from offhook.explain.finding import HIGH, LOW, MEDIUM, Finding, finding
from offhook.explain.words import count, when
from offhook.text import clean
from streams.dialogs.call import START_NOT_SEEN
from streams.records.flags import CAPTURE_DROPS, END_NOT_SEEN

_COPIES_PERCENT: Final = 1

_COUNTED: Final = (
    ("link-type-unknown", HIGH, "frames of a link type that is not read", ("link_type_unknown",),
     "capture on an Ethernet or Linux cooked interface, or convert the file with editcap -T"),
    ("fragments-missing", MEDIUM, "datagrams lack a fragment: large SIP messages among them are lost",
     ("fragment_timeout", "fragment_evicted", "fragment_malformed"),
     "a filter such as `port 5060` drops later fragments, which have no ports: capture `udp or (ip[6:2] & "
     "0x1fff "
     "!= 0)`, or everything"),
    ("tcp-incomplete", MEDIUM,
    "SIP over TCP with holes: segments were not captured, or connections began before",
     ("tcp_gap", "sip_cut", "sip_resync", "tcp_out_of_window"),
     "begin to capture before the phones connect, and look for drops of the capturing host"),
    ("encrypted-packets", MEDIUM,
    "encrypted packets (IPsec ESP, MACsec, wireless): what they carry cannot be read",
     ("encrypted",), "capture inside the tunnel, where it ends"),
    ("websocket-compressed", MEDIUM, "compressed WebSocket messages: their SIP cannot be read",
     ("ws_compressed",), "turn permessage-deflate off on the SIP server"),
    ("headers-broken", LOW, "packets whose headers are cut or contradict themselves",
     ("malformed", "truncated", "too_deep", "udp_bad_length"),
     "offloading on the capturing host (ethtool -K) and short snap lengths make such packets"),
    ("bounds-reached", MEDIUM, "more at once than the bounds allow: something was let go early",
     ("calls-evicted", "flows_evicted", "flows_refused", "flows-evicted", "clock-forced", "tcp_evicted",
      "sort_buffer_full"),
     "raise calls.calls_max or capture.flows_max, or analyse the files one after another"),
)  # fmt: skip
"""Findings that counters alone make: code, severity, title, counters, advice."""


def capturing_findings(evidence: Evidence) -> Iterator[Finding]:
    """What is wrong with the capture, whatever it holds."""
    if evidence.warnings:
        yield finding(
            "capture-damaged",
            MEDIUM,
            "the capture is damaged or incomplete",
            (clean(warning) for warning in evidence.warnings),
            "copy it again; what stands before and after the damage was read",
        )
    yield from _snapped(evidence)
    for code, severity, title, names, advice in _COUNTED:
        seen = {name: evidence.counters.get(name, 0) for name in names}
        if any(seen.values()):
            lines = (f"{n:,}: {MEANINGS.get(name, name)}" for name, n in seen.items() if n)
            yield finding(code, severity, title, lines, advice)
    yield from _clock(evidence)
    yield from _copies(evidence)
    yield from _calls_cut(evidence)


def _snapped(evidence: Evidence) -> Iterator[Finding]:
    survey = evidence.survey
    if survey.snapped_sip:
        yield finding(
            "snapped-sip",
            HIGH,
            f"{count(survey.snapped_sip, 'SIP message')} cut off: the capture kept {survey.snap_length:,} "
            f"bytes of "
            "a frame at most",
            [f"the first at {when(survey.first_snapped_sip_us or 0)}", f"{survey.snapped:,} of all "
             f"{survey.packets:,} frames are cut"],
            "capture whole frames: `tcpdump -s 0`; without the session description no stream finds its call",
            first_us=survey.first_snapped_sip_us,
        )  # fmt: skip


def _clock(evidence: Evidence) -> Iterator[Finding]:
    """Time that went back, and times that cannot be; a jump forward may be a silent link."""
    survey, bad = evidence.survey, evidence.counters.get("bad_time", 0)
    if survey.steps_back or bad:
        lines = [f"{bad:,}: {MEANINGS['bad_time']}"] if bad else []
        if survey.first_step_us is not None:
            lines.append(
                f"{count(survey.steps_back, 'step')} back in time between two packets, by "
                f"{survey.longest_step_us / 1e6:,.1f} s at most; first after {when(survey.first_step_us)}"
            )
        title = "the capture's clock is not to be trusted"
        advice = (
            "times, durations and jitter around it are wrong: run NTP with slewing where it was captured, "
            "and give the files of several hosts as several files"
        )
        if survey.reordered and not bad:
            title = "the capture's packets were not in order of time, and read in that order"
            advice = (
                "nothing, where captures were appended; but where a clock was set back, the calls then going "
                "on are broken in two: run NTP with slewing where it was captured"
            )
        yield finding(
            "clock-problems",
            LOW,
            title,
            lines,
            advice,
            first_us=survey.first_step_us,
        )


def _copies(evidence: Evidence) -> Iterator[Finding]:
    copies, rtp = evidence.counters.get("capture_copies", 0), evidence.counters.get("rtp", 0)
    if copies and 100 * copies >= _COPIES_PERCENT * rtp:
        yield finding(
            "mirrored-packets",
            LOW,
            f"{count(copies, 'RTP packet')} captured twice: the copies are not counted",
            [f"{copies:,} copies of {rtp:,} RTP packets"],
            "mirror each port in one direction, or one port alone; a VLAN and its trunk both mirrored do "
            "this",
        )


def _calls_cut(evidence: Evidence) -> Iterator[Finding]:
    """Calls that the capture shows a part of."""
    for code, flag, title in (
        ("calls-begun-before", START_NOT_SEEN, "began before the capture did"),
        ("calls-not-ended", END_NOT_SEEN, "had not ended when the capture did"),
    ):
        found = [call for call in evidence.calls if flag in call.flags]
        if found:
            yield finding(
                code,
                LOW,
                f"{count(len(found), 'call')} {title}",
                (f"{when(call.start)} call {call.call_id}" for call in found),
                "what lies outside is not known: begin earlier, end later, or give the neighbouring files "
                "too",
                first_us=min(call.start for call in found),
            )
    dropped = [call for call in evidence.calls if call.capture_drops or CAPTURE_DROPS in call.flags]
    if dropped:
        yield finding(
            "capture-drops",
            MEDIUM,
            f"the capture lost packets while {count(len(dropped), 'call')} ran: their losses may be ours",
            (f"{when(call.start)} call {call.call_id}: {call.capture_drops:,} packets" for call in dropped),
            "a larger buffer (tcpdump -B), a filter, or a faster disk",
            first_us=min(call.start for call in dropped),
        )
