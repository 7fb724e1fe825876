"""The registrations of one site: messages given to their row, and the rows' timers fired."""

import heapq
from typing import Final

from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.registrations import Registration
from streams import bounds
from streams.dialogs.identity import computed_id
from streams.dialogs.others import Outside
from streams.registrations.hearing import apply, give_up, text
from streams.registrations.limits import REPORT_US, closes_at, next_due
from streams.registrations.record import registration
from streams.registrations.state import Key, RegistrationState

_SLACK: Final = 4096
"""Stale timers that are not worth clearing away."""


class Site:
    """One site's rows. All times µs of event time."""

    def __init__(self, account: str, site: str, counters: dict[str, int]) -> None:
        self.account, self.site, self.counters = account, site, counters
        self.serial = 0
        self.now_us = NOT_STARTED
        self.rows: dict[Key, RegistrationState] = {}  # the longest silent first
        self.timers: list[tuple[int, int, Key]] = []
        self.touched: dict[Key, None] = {}  # since the last advance
        self.unsaved: set[Key] = set()
        self.saved_keys: set[Key] = set()
        self.saved = b""

    def hear(self, heard: Outside, facts: list[Registration]) -> None:
        """Apply a message, after what was due before it."""
        self.fire(heard.at_us, facts)
        message = heard.message
        address = message.to.uri
        key = (message.method, message.call_id, f"{address.user}@{address.host}"[: bounds.TEXT])
        state = self.rows.pop(key, None)
        if state is None:
            if len(self.rows) >= bounds.REGISTRATIONS:
                self._evict(facts)
            state = self._begin(heard, key)
        self.rows[key] = state
        apply(state, heard)
        self.touched[key] = None
        self._schedule(state)

    def _begin(self, heard: Outside, key: Key) -> RegistrationState:
        packet, message = heard.packet, heard.message
        to, from_ = message.to.uri, message.from_.uri
        source = packet.src_ip, packet.src_port
        target = packet.dst_ip, packet.dst_port
        if not message.is_request:
            source, target = target, source
        self.serial += 1
        return RegistrationState(
            computed_id(self.account, self.site, *key, str(packet.time_us)),
            self.account,
            self.site,
            key,
            self.serial,
            heard.sensor,
            packet.time_us,
            packet.time_us,
            text(to.user),
            text(to.host),
            text(from_.user),
            text(from_.host),
            *source,
            *target,
            packet.transport,
            packet.vlan,
            said_us=heard.at_us,
        )

    def _evict(self, facts: list[Registration]) -> None:
        """Too many: the longest silent one goes."""
        state = next(iter(self.rows.values()))
        state.evicted = True
        self.counters["registrations-evicted"] = self.counters.get("registrations-evicted", 0) + 1
        self._close(state, facts)

    # timers

    def _schedule(self, state: RegistrationState) -> None:
        due = next_due(state)
        if not state.queued_us or due < state.queued_us:
            state.queued_us = due
            heapq.heappush(self.timers, (due, state.serial, state.key))
            if len(self.timers) > 4 * len(self.rows) + _SLACK:
                self._drop_stale()

    def _drop_stale(self) -> None:
        self.timers = [timer for timer in self.timers if self._of_timer(timer) is not None]
        heapq.heapify(self.timers)

    def _of_timer(self, timer: tuple[int, int, Key]) -> RegistrationState | None:
        due, serial, key = timer
        state = self.rows.get(key)
        return state if state is not None and state.serial == serial and state.queued_us == due else None

    def fire(self, before_us: int, facts: list[Registration]) -> None:
        """Fire every timer before a point in time."""
        while self.timers and self.timers[0][0] < before_us:
            timer = heapq.heappop(self.timers)
            state = self._of_timer(timer)
            if state is not None:
                self._fire(state, timer[0], facts)
        self.now_us = max(self.now_us, before_us)

    def _fire(self, state: RegistrationState, due: int, facts: list[Registration]) -> None:
        state.queued_us = 0
        for exchange in [each for each in state.exchanges if each.due_us <= due]:
            give_up(state, exchange)
        if state.standing and state.until_us is not None and state.until_us <= due:
            state.standing = False
        if closes_at(state) <= due:
            self._close(state, facts)
            return
        self.touched[state.key] = None
        self._schedule(state)

    # rows out

    def report(self, facts: list[Registration]) -> None:
        """Say again what changed its state, or was not said for long."""
        for key in self.touched:
            state = self.rows.get(key)
            if state is None:
                continue
            self.unsaved.add(key)
            now = state.state
            if now and (now != state.said_state or state.heard_us - state.said_us >= REPORT_US):
                state.said_state, state.said_us = now, state.heard_us
                self._say(state, facts, complete=False)
        self.touched.clear()

    def finish(self, facts: list[Registration]) -> None:
        """The capture ended: every row is complete."""
        for state in list(self.rows.values()):
            self._close(state, facts)
        self.timers.clear()
        self.now_us = END_OF_CAPTURE

    def _close(self, state: RegistrationState, facts: list[Registration]) -> None:
        for exchange in list(state.exchanges):
            give_up(state, exchange)
        del self.rows[state.key]
        self.unsaved.add(state.key)
        self._say(state, facts, complete=True)

    @staticmethod
    def _say(state: RegistrationState, facts: list[Registration], *, complete: bool) -> None:
        state.version += 1
        facts.append(registration(state, complete=complete))
