"""The state of the dialogs as it is stored: one value a call, a waiting response, a block of the queue."""

from collections.abc import Mapping
from heapq import heapify
from typing import Final

import msgspec

from schemas.sip_messages import SipPacket
from streams import bounds
from streams.clock import SiteClock
from streams.dialogs.arrivals import Arrivals, Queued
from streams.dialogs.early import CallKey, Early, EarlyResponses
from streams.dialogs.register import Register
from streams.dialogs.site import CALL_TIMER, EARLY_TIMER, Site
from streams.dialogs.state import CallState

_CALL: Final = b"call/"
_SITE: Final = b"site/"
_EARLY: Final = b"early/"
_QUEUE: Final = b"queue/"
_COUNTERS: Final = b"counters"


class _SavedSite(msgspec.Struct, array_like=True):
    account: str
    site: str
    clock: SiteClock
    now_us: int
    arrived: int
    serial: int
    queue_blocks: int
    last_us: dict[str, int]


class _SavedEarly(msgspec.Struct, array_like=True):
    account: str
    site: str
    key: CallKey
    early: Early


class _SavedBlock(msgspec.Struct, array_like=True):
    account: str
    site: str
    number: int
    queue: list[tuple[int, str, int, SipPacket]]


_encode = msgspec.msgpack.Encoder().encode
_call = msgspec.msgpack.Decoder(CallState)
_site = msgspec.msgpack.Decoder(_SavedSite)
_early = msgspec.msgpack.Decoder(_SavedEarly)
_block = msgspec.msgpack.Decoder(_SavedBlock)
_counters = msgspec.msgpack.Decoder(dict[str, int])

Sites = dict[tuple[str, str], Site]


def save(register: Register, sites: Sites) -> dict[bytes, bytes | None]:
    """What changed since the last time; None deletes."""
    changes: dict[bytes, bytes | None] = {}
    for cdr_id in register.unsaved:
        state = register.states.get(cdr_id)
        if state is not None:
            changes[_CALL + cdr_id.encode()] = _encode(state)
            register.saved.add(cdr_id)
        elif cdr_id in register.saved:
            changes[_CALL + cdr_id.encode()] = None
            register.saved.discard(cdr_id)
    register.unsaved.clear()
    for site in sites.values():
        _save_site(site, changes)
    counters = _encode(dict(sorted(register.counters.items())))
    if counters != register.saved_counters:
        changes[_COUNTERS] = register.saved_counters = counters
    return changes


def _save_site(site: Site, changes: dict[bytes, bytes | None]) -> None:
    name = _name(site.account, site.site)
    _save_early(site.early, (site.account, site.site), changes)
    _save_arrivals(site.arrivals, (site.account, site.site), changes)
    saved_site = _encode(
        _SavedSite(
            site.account,
            site.site,
            site.clock,
            site.now_us,
            site.arrivals.arrived,
            site.serial,
            site.arrivals.blocks,
            site.arrivals.last_us,
        )
    )
    if saved_site != site.saved:
        changes[_SITE + name] = site.saved = saved_site


def _save_early(early: EarlyResponses, of: tuple[str, str], changes: dict[bytes, bytes | None]) -> None:
    for key in early.changed:
        waiting = early.by_key.get(key)
        if waiting is None:
            early.saved.discard(key)
            saved = None
        else:
            early.saved.add(key)
            saved = _encode(_SavedEarly(*of, key, waiting))
        changes[_EARLY + _name(*of, *key)] = saved
    early.changed.clear()


def _save_arrivals(arrivals: Arrivals, of: tuple[str, str], changes: dict[bytes, bytes | None]) -> None:
    if not arrivals.changed:
        return
    arrivals.changed = False
    blocks = _blocks(arrivals.queue)
    for number in range(max(len(blocks), arrivals.blocks)):
        changes[_QUEUE + _name(*of, str(number))] = (
            _encode(_SavedBlock(*of, number, blocks[number])) if number < len(blocks) else None
        )
    arrivals.blocks = len(blocks)


def _name(*texts: str) -> bytes:
    return "\0".join(texts).encode()


def _blocks(queue: list[Queued]) -> list[list[Queued]]:
    """The queue in blocks of a bounded number of octets."""
    blocks: list[list[Queued]] = []
    room = 0
    for queued in queue:
        octets = len(queued[3].raw) + 128
        if octets > room:
            blocks.append([])
            room = bounds.QUEUE_BLOCK
        blocks[-1].append(queued)
        room -= octets
    return blocks


def load(saved: Mapping[bytes, bytes], register: Register, sites: Sites) -> None:
    """Put everything back, as it was."""
    blocks: list[_SavedBlock] = []
    earlies: list[_SavedEarly] = []
    states: list[CallState] = []
    for key, value in saved.items():
        if key.startswith(_CALL):
            states.append(_call.decode(value))
        elif key.startswith(_SITE):
            _load_site(_site.decode(value), value, register, sites)
        elif key.startswith(_EARLY):
            earlies.append(_early.decode(value))
        elif key.startswith(_QUEUE):
            blocks.append(_block.decode(value))
        elif key == _COUNTERS:
            register.counters.update(_counters.decode(value))
            register.saved_counters = value
    for block in sorted(blocks, key=lambda each: each.number):
        sites[block.account, block.site].arrivals.queue.extend(block.queue)
    for each in sorted(earlies, key=lambda each: (each.early.due_us, each.key)):
        site = sites[each.account, each.site]
        site.early.by_key[each.key] = each.early
        site.early.saved.add(each.key)
        site.timers.append((each.early.due_us, EARLY_TIMER, *each.key))
    for state in sorted(states, key=lambda each: each.serial):
        _load_call(state, register, sites)
    for site in sites.values():
        heapify(site.timers)
        heapify(site.unanswered)


def _load_site(saved: _SavedSite, value: bytes, register: Register, sites: Sites) -> None:
    site = Site(register, saved.account, saved.site)
    site.clock = saved.clock.limited_as(site.clock)
    site.now_us = saved.now_us
    site.serial = saved.serial
    site.arrivals.arrived, site.arrivals.last_us = saved.arrived, saved.last_us
    site.arrivals.blocks = saved.queue_blocks
    site.arrivals.in_order = False
    site.saved = value
    sites[saved.account, saved.site] = site


def _load_call(state: CallState, register: Register, sites: Sites) -> None:
    call = state.call
    site = sites[call.account, call.site]
    register.calls[call.cdr_id] = call
    register.states[call.cdr_id] = state
    register.saved.add(call.cdr_id)
    if state.gone:
        return
    register.findable += 1
    site.by_key[call.call_id, call.from_tag] = state
    if state.queued_us:
        site.timers.append((state.queued_us, CALL_TIMER, call.cdr_id, ""))
    if not state.established:
        site.unanswered.append((state.serial, call.cdr_id))
