"""The calls of one site: messages matched to their call in event-time order, and its timers fired."""

import heapq
from typing import Final

from protocols.sip import SipError, SipMessage
from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.media_endpoints import CallEnded, EndpointEvent
from schemas.media_windows import Unread
from schemas.sip_messages import SipBatch, SipPacket
from streams import bounds
from streams.clock import SiteClock
from streams.dialogs import responses
from streams.dialogs.arrivals import Arrivals, Queued
from streams.dialogs.call import (
    CANCEL,
    CAPTURE_END,
    EVICTED,
    FAILURE,
    LATE,
    REPLACED,
    START_NOT_SEEN,
    TIMEOUT_NO_ANSWER,
    TIMEOUT_ONE_WAY,
    TOO_MANY_MESSAGES,
    Call,
)
from streams.dialogs.early import CallKey, EarlyResponses
from streams.dialogs.endpoints import announce_again, on_description
from streams.dialogs.hearing import AGAIN, COPY, Hearing, classify, find_hop, note_event
from streams.dialogs.identity import cdr_id_of
from streams.dialogs.others import ASKING, Outside, count_other
from streams.dialogs.parties import read_agent, read_parties
from streams.dialogs.reading import read, read_usual
from streams.dialogs.register import Register
from streams.dialogs.requests import ON_REQUEST
from streams.dialogs.state import CallState
from streams.dialogs.timers import Limits, close_deadline, end_by_timer, end_deadline
from streams.unread import Drop, dropped_before, unread_before

_SECOND: Final = 1_000_000
EARLY_TIMER: Final = 0  # kinds of timers, in the order of firing at one time
CALL_TIMER: Final = 1

_OF_CALLS: Final = frozenset({"INVITE", "ACK", "BYE"})
"""Methods of which a message alone makes a call."""

_OTHER: Final = {"a": "b", "b": "a"}

_SLACK: Final = 4096
"""Stale timers that are not worth clearing away."""

_READ_AT_ONCE: Final = 256
"""Messages, so few that the processor still has them at hand when they are applied."""


class Site:
    """One site's signalling. All times µs of event time."""

    def __init__(self, register: Register, account: str, site: str) -> None:
        settings = register.settings
        self.register = register
        self.settings = settings
        self.account = account
        self.site = site
        self.clock = SiteClock.of_sensors(settings.sensor_gone_s, settings.lateness_max_s)
        self.now_us = NOT_STARTED  # event time reached
        self.reached_us = NOT_STARTED  # the same, never past the capture's last packet
        self.late = False  # the message in hand is
        self.serial = 0
        self.arrivals = Arrivals()
        self.events: list[EndpointEvent] = []
        self.unread: list[Unread] = []  # since the last advance
        self.dropped: list[Drop] = []  # likewise
        self.by_key: dict[CallKey, CallState] = {}
        self.early = EarlyResponses()
        self.timers: list[tuple[int, int, str, str]] = []
        self.unanswered: list[tuple[int, str]] = []
        self.changed = register.changed
        self.limits = Limits(settings)
        self.messages_max = settings.sip_messages_max
        self.copy_us = settings.copy_ms * 1000
        self.closed_us = settings.closed_s * _SECOND
        self.saved = b""  # what has been saved of the site itself

    # messages in

    def apply(self, batch: SipBatch) -> None:
        """Queue a sensor's messages and take its watermark."""
        if self.now_us >= END_OF_CAPTURE:
            self.register.counters["sip-after-end"] += len(batch.messages)
            return
        self.arrivals.take(batch)
        unread = unread_before(batch, self.clock, self.register.counters)
        if unread is not None:
            self.unread.append(unread)
        if batch.dropped:
            self.dropped += dropped_before(batch, self.clock)
        self.clock.heard(batch.sensor, batch.clock_us, batch.behind_us)
        bounded_from_us = self.arrivals.bounded_from()
        if bounded_from_us is not None:  # a sensor holds the clock and the queue is full: go on without it
            self.clock.force(bounded_from_us)
            self.register.counters["clock-forced"] += 1

    def advance(self) -> None:
        """Apply every message and fire every timer before the clock, in event-time order."""
        clock = self.clock.now
        ended = clock >= END_OF_CAPTURE
        ready = self.arrivals.until(clock)
        for begin in range(0, len(ready), _READ_AT_ONCE):
            self._apply(ready[begin : begin + _READ_AT_ONCE])
        self.late = False
        until = self.reached_us = max(self.now_us, self.clock.last_us) if ended else clock
        while self.timers and self.timers[0][0] < until:
            self._fire()
        self.now_us = max(self.now_us, until)
        if ended:
            self._finish()
            self.now_us = clock

    def _apply(self, queued: list[Queued]) -> None:
        """Apply messages, and fire the timers before each."""
        messages = read_usual([packet.raw for _, _, _, packet in queued])
        for (time_us, sensor, _, packet), message in zip(queued, messages, strict=True):
            self.late = time_us < self.now_us
            while self.timers and self.timers[0][0] < time_us:
                self._fire()
            if self.late:
                self.register.counters["late"] += 1
            else:
                self.now_us = time_us
            self._hear(packet, sensor, message)

    def _hear(self, packet: SipPacket, sensor: str, message: SipMessage | None = None) -> None:
        """Give a message to its call, read if it has not been."""
        if message is None:
            try:
                message = read(packet.raw)
            except SipError:
                self.register.counters["unreadable"] += 1
                return
        if len(message.call_id) > bounds.CALL_ID:
            self.register.counters["call-id-too-long"] += 1
            return
        call_id, from_tag = message.call_id, message.from_tag
        side = "a"
        state = self.by_key.get((call_id, from_tag))
        if state is None:
            to_tag = message.to_tag
            if to_tag != from_tag:
                state = self.by_key.get((call_id, to_tag))
                side = "b"
            if state is None:
                self._without_call(packet, sensor, message)
                return
        elif not from_tag and _from_callee(state.call, packet, message):
            side = "b"
        if message.method == "INVITE" and message.is_request and _begins_anew(state, message, packet.time_us):
            self._replace(state)
            self._without_call(packet, sensor, message)
            return
        self._join(state, packet, sensor, message, side)

    def _join(self, state: CallState, packet: SipPacket, sensor: str, message: SipMessage, side: str) -> None:
        """Apply a message to its call."""
        call = state.call
        request = message.is_request
        invites = request and message.method == "INVITE"
        sender = side if request else _OTHER[side]
        hop = find_hop(state, packet, invites and not message.to_tag)
        heard = Hearing(packet, message, sensor, packet.time_us, self.now_us, side, sender, hop)
        news = heard.news = classify(state, heard, self.copy_us)
        self.changed[call.cdr_id] = call
        state.forgotten = False
        if news >= COPY:
            return
        time_us = heard.time_us
        if time_us > call.last_us:  # noqa: PLR1730 - max() costs twice as much, and this is per message
            call.last_us = time_us
        if self.late and LATE not in call.flags:
            call.flags.append(LATE)
        if call.closed:
            call.closed = False
            state.closed_us = None
        note_event(call, heard)
        if news == AGAIN:
            if invites:
                state.invite_last_us = time_us
                if call.end_reason in (TIMEOUT_ONE_WAY, TIMEOUT_NO_ANSWER):
                    self.reopen(state)
        else:
            if not (state.agent_a_sure if heard.sender == "a" else state.agent_b_sure):
                read_agent(state, heard)
            if request:
                call.requests_seen = True
                handler = ON_REQUEST.get(message.method)
                if handler is not None:
                    handler(self, state, heard)
            else:
                call.responses_seen = True
                responses.on_response(self, state, heard)
        if call.messages > self.messages_max and call.ended_us is None:
            self.end(state, call.last_us, TOO_MANY_MESSAGES)
        if state.established and call.ended_us is None and state.queued_us:
            state.due_us = state.absolute_us  # what schedule would say, for most messages
        else:
            self.schedule(state)

    def describe(self, state: CallState, heard: Hearing) -> None:
        """Announce what the session description of a message says, if it has one and the call goes on."""
        if heard.message.body and state.call.ended_us is None:
            problem = on_description(state, heard, self.events)
            if problem is not None:
                self.register.counters[problem] += 1

    # calls

    def _without_call(self, packet: SipPacket, sensor: str, message: SipMessage) -> None:
        """A message of no call that is known: it makes one, waits for its request, or is counted."""
        method = message.method
        if (
            self.late
            and method in _OF_CALLS
            and (not message.is_request or method != "INVITE" or message.to_tag)
        ):
            self.register.counters["late-without-call"] += 1  # others' hearing of the call made its record
            return
        if not message.is_request:
            if method == "INVITE":
                self._wait(packet, sensor, message)
            else:
                self._outside(packet, sensor, message)
            return
        key = (message.call_id, message.from_tag)
        if method == "INVITE":
            self._begin(packet, sensor, message, started=not message.to_tag)
            self._take_early(key)
        elif method == "ACK" and message.to_tag and not self.early.refused(key):
            self._begin(packet, sensor, message, started=False)
            self._take_early(key)
        elif method == "BYE":
            self._begin(packet, sensor, message, started=False)
        else:
            self._outside(packet, sensor, message)

    def _outside(self, packet: SipPacket, sensor: str, message: SipMessage) -> None:
        """A message that makes no call: the registrations hear of it."""
        count_other(self.register.counters, message)
        if message.method in ASKING:
            heard = Outside(self.account, self.site, self.now_us, sensor, packet, message)
            self.register.outside.append(heard)

    def _begin(self, packet: SipPacket, sensor: str, message: SipMessage, started: bool) -> None:
        """Make a call from the first message heard of it."""
        register = self.register
        if register.findable >= self.settings.calls_max:
            self._evict()
        start_us = packet.time_us
        src_ip, src_port, dst_ip, dst_port = packet.src_ip, packet.src_port, packet.dst_ip, packet.dst_port
        if not message.is_request:
            src_ip, src_port, dst_ip, dst_port = dst_ip, dst_port, src_ip, src_port
        cdr_id = cdr_id_of(self.account, self.site, message.call_id, message.from_tag, start_us)
        if cdr_id in register.states:  # evicted in the very microsecond in which it began
            register.counters["calls-evicted-again"] += 1
            return
        call = Call(
            cdr_id,
            self.account,
            self.site,
            message.call_id,
            message.from_tag,
            start_us,
            sensor,
            [sensor],
            src_ip,
            src_port,
            dst_ip,
            dst_port,
            packet.transport,
            packet.vlan,
        )
        call.last_us = start_us
        call.hops.append((src_ip, src_port, dst_ip, dst_port))
        state = CallState(call, self.serial)
        self.serial += 1
        state.hop_of[(src_ip, src_port, dst_ip, dst_port)] = 0
        state.absolute_us = start_us + self.limits.absolute
        if not started:
            call.flags.append(START_NOT_SEEN)
            read_parties(call, message)
            if message.method == "INVITE":
                state.invite_cseq = message.cseq
        self.by_key[(message.call_id, message.from_tag)] = state
        register.add(state)
        register.counters["calls"] += 1
        heapq.heappush(self.unanswered, (state.serial, call.cdr_id))
        self._join(state, packet, sensor, message, "a")

    def _evict(self) -> None:
        """Too many calls: the oldest unanswered one goes, else the oldest of all."""
        states = self.register.states
        while self.unanswered:
            _, cdr_id = heapq.heappop(self.unanswered)
            state = states.get(cdr_id)
            if state is not None and not state.gone and not state.established:
                break
        else:
            state = next(iter(self.by_key.values()), None)
        if state is None:
            return  # the calls are another site's
        self.register.counters["calls-evicted"] += 1
        if not state.call.closed:
            state.call.flags.append(EVICTED)
            self.end(state, state.call.last_us, EVICTED)
            self._close(state)
        self._retire(state)

    def _replace(self, state: CallState) -> None:
        """A new call under the same Call-ID and From tag: no message finds the old one any more."""
        if not state.call.closed:
            self.end(state, state.call.last_us, REPLACED)
            self._close(state)
        self._retire(state)

    def end(self, state: CallState, ended_us: int, reason: str) -> None:
        """The call is over, unless something corrects that."""
        call = state.call
        if call.ended_us is None:
            self.events.append(CallEnded(self.now_us, call.cdr_id))
            call.ended_us, call.end_reason = ended_us, reason

    def reopen(self, state: CallState) -> None:
        """It was not over: a new INVITE, a late answer."""
        call = state.call
        if call.ended_us is None:
            return
        call.ended_us, call.end_reason, call.close_at_us = None, "", None
        announce_again(state, self.now_us, self.events)
        if not state.established:
            heapq.heappush(self.unanswered, (state.serial, call.cdr_id))

    def _close(self, state: CallState) -> None:
        state.call.closed = True
        state.call.close_at_us = self.now_us
        state.closed_us = self.now_us
        self.register.touch(state)
        self.schedule(state)

    def _retire(self, state: CallState) -> None:
        key = (state.call.call_id, state.call.from_tag)
        if self.by_key.get(key) is state:
            del self.by_key[key]
        self.register.retire(state)

    # timers

    def schedule(self, state: CallState) -> None:
        """Set the call's next timer."""
        call = state.call
        if state.closed_us is not None:
            due = state.closed_us + self.closed_us
        elif call.ended_us is None:
            due = end_deadline(state, self.limits)
        else:
            due = call.close_at_us = close_deadline(call, self.limits)
        state.due_us = due
        queued = state.queued_us
        if due < queued or not queued:
            state.queued_us = due
            heapq.heappush(self.timers, (due, CALL_TIMER, call.cdr_id, ""))
            if len(self.timers) > 4 * (len(self.by_key) + len(self.early.by_key)) + _SLACK:
                self._drop_stale()

    def _drop_stale(self) -> None:
        """Timers that were brought forward, and answered calls, leave entries behind: not for ever."""
        states = self.register.states
        self.timers = [
            timer
            for timer in self.timers
            if timer[1] == EARLY_TIMER
            or (
                (state := states.get(timer[2])) is not None and state.queued_us == timer[0] and not state.gone
            )
        ]
        heapq.heapify(self.timers)
        self.unanswered = [
            entry
            for entry in self.unanswered
            if (state := states.get(entry[1])) is not None and not state.gone and not state.established
        ]
        heapq.heapify(self.unanswered)

    def _fire(self) -> None:
        """Fire the first timer."""
        due, kind, name, tag = heapq.heappop(self.timers)
        self.now_us = max(self.now_us, due)
        if kind == EARLY_TIMER:
            self._give_up_waiting((name, tag))
            return
        state = self.register.states.get(name)
        if state is None or state.gone or state.queued_us != due:
            return
        if state.due_us > due:
            state.queued_us = state.due_us
            heapq.heappush(self.timers, (state.due_us, CALL_TIMER, name, ""))
            return
        state.queued_us = 0
        if state.closed_us is not None:
            self._retire(state)
            return
        if state.call.ended_us is None:
            end_by_timer(state, due)
            self.events.append(CallEnded(self.now_us, name))
        self._close(state)

    def _finish(self) -> None:
        """The capture ended: nothing more comes, so what waits is decided, and what is open is closed."""
        self.now_us = END_OF_CAPTURE  # media that is still heard belongs to the calls that are open
        for key in self.early.in_turn():
            self._give_up_waiting(key)
        for state in list(self.by_key.values()):
            call = state.call
            if call.closed:
                continue
            if call.failure_us is not None:
                self.end(state, call.failure_us, FAILURE)
            elif call.cancel_us is not None and not state.established:
                self.end(state, call.last_us, CANCEL)
            else:
                self.end(state, call.last_us, CAPTURE_END)
            self._close(state)

    # responses before their request

    def _wait(self, packet: SipPacket, sensor: str, message: SipMessage) -> None:
        """Keep a response: its INVITE may have been captured later than it was sent."""
        key = (message.call_id, message.from_tag)
        if key not in self.early:
            excess = self.early.excess()
            if excess is not None:
                self._give_up_waiting(excess)
            due = self.now_us + self.settings.early_response_s * _SECOND
            self.early.begin(key, due)
            heapq.heappush(self.timers, (due, EARLY_TIMER, *key))
        if not self.early.keep(key, sensor, packet):
            self.register.counters["early-dropped"] += 1

    def _take_early(self, key: CallKey) -> None:
        """The request came: its responses follow."""
        for sensor, packet in self.early.pop(key):
            self._hear(packet, sensor)

    def _give_up_waiting(self, key: CallKey) -> None:
        """The INVITE was not captured: 18x and 2xx make a call without it, others are counted."""
        for sensor, packet in self.early.pop(key):
            message = read(packet.raw)
            state = self.by_key.get(key)
            if state is not None:
                self._join(state, packet, sensor, message, "a")
            elif 100 < message.status < 300:
                self._begin(packet, sensor, message, started=False)
            else:
                count_other(self.register.counters, message)


def _from_callee(call: Call, packet: SipPacket, message: SipMessage) -> bool:
    """Without tags (RFC 2543) the addresses say whose From it is."""
    if message.to_tag or call.to_tag:
        return False
    src, dst = (packet.src_ip, packet.src_port), (packet.dst_ip, packet.dst_port)
    if not message.is_request:
        src, dst = dst, src
    return src == (call.dst_ip, call.dst_port) and dst != src


def _begins_anew(state: CallState, message: SipMessage, time_us: int) -> bool:
    """Whether an INVITE under a known Call-ID and From tag begins another call."""
    call = state.call
    if message.to_tag or time_us <= call.start_us:
        return False
    if call.bye_us is not None:
        return (time_us > call.bye_us and START_NOT_SEEN not in call.flags) or call.closed
    return state.established and bool(call.to_tag) and message.cseq > state.invite_cseq >= 0
