"""The head of a call's page: who called whom, when, how it went, and what stands out."""

from collections.abc import Iterator
from typing import Final

from offhook.output.call.lines import Line, Span, wrap
from offhook.output.call.sentences import how_it_ended, how_long, what_stands_out
from offhook.output.views import OUTCOME_STYLES, loss_style, mos_style
from offhook.times import Clock
from schemas.cdr import CallRecord

_LABEL: Final = 10
_WIDE: Final = 60


def heading(call: CallRecord, columns: int, clock: Clock) -> Iterator[Line]:
    """Lines at most so many columns wide."""
    style = OUTCOME_STYLES.get(call.outcome, "cyan")
    caller = call.caller or call.caller_domain or call.src_ip
    callee = call.callee or call.callee_domain or call.dst_ip
    yield from wrap(
        [(f"{caller} → {callee}", "bold"), (f"· {call.outcome}", f"bold {style}")], columns, indent=2
    )
    when = f"{clock.show_exact(call.start)} {clock.name}"
    yield from wrap([(when, "")], columns, indent=2)
    yield []
    for label, spans in _facts(call):
        if any(text for text, _ in spans):
            yield from _labelled(label, spans, columns)
    stands_out = list(what_stands_out(call))
    if stands_out:
        yield []
        yield [("What stands out", "bold")]
        for sentence in stands_out:
            yield from wrap([("!", "yellow"), (sentence, "yellow")], columns, indent=4, first=2)


def _labelled(label: str, spans: list[Span], columns: int) -> Iterator[Line]:
    """A fact behind its label; on a narrow terminal its further lines begin further left."""
    lines = wrap(spans, columns, indent=_LABEL + 2 if columns >= _WIDE else 4, first=_LABEL + 2)
    for number, line in enumerate(lines):
        yield line if number else [(f"  {label:<{_LABEL}}", "dim"), *line[1:]]


def _facts(call: CallRecord) -> Iterator[tuple[str, list[Span]]]:
    yield (
        "from",
        [(_party(call.caller_name, call.caller, call.caller_domain), ""), _agent(call.user_agent_caller)],
    )
    yield (
        "to",
        [(_party(call.callee_name, call.callee, call.callee_domain), ""), _agent(call.user_agent_callee)],
    )
    for label, text in (
        ("asserted", call.asserted_caller),
        ("diverted", call.diversion),
        ("request", call.request_uri),
        ("replaces", call.replaces),
    ):
        yield label, [(text or "", "")]
    yield "path", [(_path(call), "")]
    yield "outcome", [(how_it_ended(call), "")]
    yield "times", [(how_long(call), "")]
    for side, who in (("a", "caller"), ("b", "callee")):
        yield who, _side(call, side)
    yield "call-id", [(call.call_id, "")]
    yield "cdr-id", [(call.cdr_id, "")]
    yield "headers", [(", ".join(f"{name}: {value}" for name, value in call.headers.items()), "")]


def _party(name: str | None, user: str | None, domain: str | None) -> str:
    address = f"{user}@{domain}" if user and domain else user or domain or "anonymous"
    return f'"{name}" <{address}>' if name else address


def _agent(agent: str | None) -> Span:
    return (f"({agent})" if agent else ""), "dim"


def _path(call: CallRecord) -> str:
    path = f"{_address(call.src_ip, call.src_port)} → {_address(call.dst_ip, call.dst_port)} {call.transport}"
    if call.proxies:
        path += ", on by " + ", ".join(call.proxies)
    return path if call.vlan is None else f"{path}, VLAN {call.vlan}"


def _address(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _side(call: CallRecord, side: str) -> list[Span]:
    """How a side sounded: `MOS 4.41 (worst 4.20), loss 0.30 %, jitter 2.1 ms, PCMU`."""
    if getattr(call, f"packets_{side}") is None:
        return []
    mos, worst = getattr(call, f"mos_{side}"), getattr(call, f"mos_{side}_min")
    loss, jitter = getattr(call, f"loss_{side}"), getattr(call, f"jitter_{side}_ms")
    spans: list[Span] = [((getattr(call, f"codec_{side}") or "media") + ",", "")]
    if mos is not None:
        several = worst is not None and round(worst, 2) < round(mos, 2)
        spans += [(f"MOS {mos:.2f}" + ("" if several else ","), mos_style(mos))]
        if several:
            spans += [(f"(worst 10 s {worst:.2f}),", mos_style(worst))]
    if loss is not None:
        spans += [(f"loss {loss:.2f} %,", loss_style(loss))]
    if jitter is not None:
        spans += [(f"jitter {jitter:.1f} ms,", "")]
    spans += [(f"{getattr(call, f'packets_{side}'):,} packets", "")]
    return spans
