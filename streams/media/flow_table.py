"""The flows of a site: found by sensor and number, by address, by SSRC; and the slots they own."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.rtp_packets import RtpBatch
from streams.media.flow import Flow
from streams.media.owners import Address
from streams.media.slots import Slots

I64 = NDArray[np.int64]

WAITING, BOUND, UNBOUND = 0, 1, 2
"""Status of a slot: first packet not bound yet, measured for its owners, measured for nobody."""

NO_SLOT = -1

FORMER_LIFE = -1
"""Number of a flow whose sensor has begun anew since, and has not told of it again."""


Identity = tuple[str, int, Address, Address, int]
"""Sensor, kind, source, destination, SSRC."""


def identity(flow: Flow) -> Identity:
    """What a flow is, whatever its number."""
    return flow.sensor, flow.kind, flow.source, flow.destination, flow.ssrc


class _Numbers:
    """Flow number -> slot of one sensor, as a column: numbers rise and are never used again."""

    __slots__ = ("first", "slot")

    def __init__(self) -> None:
        self.first = 0
        self.slot: I64 = np.zeros(0, np.int64)

    def find(self, numbers: NDArray[Any]) -> I64:
        """Slots of these flow numbers, NO_SLOT where there is none."""
        at = numbers.astype(np.int64) - self.first
        known = (at >= 0) & (at < len(self.slot))
        return np.where(known, self.slot[np.where(known, at, 0)], NO_SLOT) if len(self.slot) else at * 0 - 1

    def put(self, number: int, slot: int) -> None:
        if not len(self.slot):
            self.first = number
        at = number - self.first
        if at < 0:
            self.slot = np.concatenate([np.full(-at, NO_SLOT, np.int64), self.slot])
            self.first, at = number, 0
        if at >= len(self.slot):
            more = max(at + 1 - len(self.slot), len(self.slot), 256)
            self.slot = np.concatenate([self.slot, np.full(more, NO_SLOT, np.int64)])
        self.slot[at] = slot

    def shrink(self) -> None:
        """Give back the numbers at the front whose flows are gone."""
        live = np.flatnonzero(self.slot != NO_SLOT)
        gone = int(live[0]) if len(live) else len(self.slot)
        if gone > len(self.slot) // 2:
            self.first, self.slot = self.first + gone, self.slot[gone:]


class FlowTable:
    """Flows and, slot by slot, what the steps look at in columns.

    `status` WAITING, BOUND or UNBOUND; `stream` the id of the stream on the slot; `sent` whether all its
    owners know its description; `partition` the calls partition its rows go to, -1 for several.
    """

    def __init__(self) -> None:
        self.slots = Slots()
        self.flow: list[Flow | None] = []
        self.status: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.stream: I64 = np.zeros(0, np.int64)
        self.sent: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.partition: I64 = np.zeros(0, np.int64)
        self.changed: NDArray[np.bool_] = np.zeros(0, np.bool_)  # since the state was saved
        self.count = 0
        self._numbers: dict[str, _Numbers] = {}
        # by slot, in order of appearance: thousands of flows may share an address
        self._by_address: dict[Address, dict[int, Flow]] = {}
        self._by_ssrc: dict[int, dict[int, Flow]] = {}
        self._former: dict[Identity, Flow] = {}

    def at(self, slot: int) -> Flow:
        """The flow that owns the slot."""
        flow = self.flow[slot]
        assert flow is not None
        return flow

    def set(self, slot: int, word: int, value: int) -> None:
        """Change a word of a slot's state."""
        self.slots[slot, word] = value
        self.changed[slot] = True

    def lower(self, slot: int, word: int, value: int) -> None:
        """Change a word of a slot's state, unless it is less already."""
        self.set(slot, word, min(self.slots[slot, word], value))

    def find(self, sensor: str, numbers: NDArray[Any]) -> I64:
        """Slots of a sensor's flows, NO_SLOT for one that was never described."""
        known = self._numbers.get(sensor)
        return known.find(numbers) if known else np.full(len(numbers), NO_SLOT, np.int64)

    def to_or_from(self, addresses: Iterable[Address]) -> list[Flow]:
        """Flows with one of these addresses at either end, each once."""
        found: dict[int, Flow] = {}
        by_address = self._by_address
        for address in addresses:
            if flows := by_address.get(address):
                found = found | flows if found else flows
        return list(found.values())

    def of_ssrc(self, ssrc: int) -> list[Flow]:
        """Flows with this SSRC."""
        return list(self._by_ssrc.get(ssrc, {}).values())

    def begin_anew(self, sensor: str) -> None:
        """The sensor counts its flows from 0 again: those it told of before are found by what they are."""
        self._numbers.pop(sensor, None)
        for flow in self.flow:
            if flow is not None and flow.sensor == sensor:
                flow.number = FORMER_LIFE
                self._number(flow)

    def describe(self, batch: RtpBatch) -> None:
        """Take over the batch's flow rows: new flows get a slot."""
        rows = batch.flows
        if not len(rows.flow):
            return
        slots = self.find(batch.sensor, rows.flow).tolist()
        numbers = (rows.flow, rows.kind, rows.family, rows.src_port, rows.dst_port, rows.ssrc)
        described = zip(*(column.tolist() for column in (*numbers, rows.dscp, rows.vlan)), strict=True)
        sources, destinations = rows.src_ip.tobytes(), rows.dst_ip.tobytes()
        for n, (number, kind, family, src_port, dst_port, ssrc, dscp, vlan) in enumerate(described):
            if slots[n] != NO_SLOT:
                flow = self.at(slots[n])
                flow.dscp, flow.vlan = dscp, vlan
                continue
            start, stop = 16 * n, 16 * n + (4 if family == 4 else 16)
            source, destination = (sources[start:stop], src_port), (destinations[start:stop], dst_port)
            flow = Flow(
                NO_SLOT, batch.sensor, number, kind, source, destination, ssrc, dscp, vlan, 0, batch.clock_us
            )
            former = self._former.pop(identity(flow), None)
            if former is not None:  # its stream goes on
                former.number, former.dscp, former.vlan = number, dscp, vlan
                former.last_us = batch.clock_us
                self._number(former)
                continue
            flow.slot = self.slots.allocate()
            self.place(flow)
            self.status[flow.slot] = WAITING

    def _number(self, flow: Flow) -> None:
        """Find the flow by its number from now on, or by what it is until it has one."""
        if flow.number == FORMER_LIFE:
            self._former[identity(flow)] = flow
        else:
            self._numbers.setdefault(flow.sensor, _Numbers()).put(flow.number, flow.slot)
        self.changed[flow.slot] = True

    def place(self, flow: Flow) -> None:
        """Enter a flow into its slot and every index."""
        self.slots.reserve(flow.slot)
        self._grow(flow.slot)
        self.flow[flow.slot] = flow
        self.count += 1
        self._number(flow)
        self._by_address.setdefault(flow.destination, {})[flow.slot] = flow
        self._by_address.setdefault(flow.source, {})[flow.slot] = flow
        self._by_ssrc.setdefault(flow.ssrc, {})[flow.slot] = flow

    def drop(self, flows: Collection[Flow]) -> None:
        """Forget flows; their slots are free."""
        if not flows:
            return
        for flow in flows:
            self.flow[flow.slot] = None
            if flow.number == FORMER_LIFE:
                self._former.pop(identity(flow), None)
            else:
                self._numbers[flow.sensor].put(flow.number, NO_SLOT)
        if len(flows) == self.count:  # the capture has ended
            self._by_address.clear()
            self._by_ssrc.clear()
        else:
            for flow in flows:
                for address in (flow.source, flow.destination):
                    _remove(self._by_address, address, flow)
                _remove(self._by_ssrc, flow.ssrc, flow)
        self.count -= len(flows)
        slots = [flow.slot for flow in flows]
        self.changed[slots] = True
        self.slots.release(slots)
        for numbers in self._numbers.values():
            numbers.shrink()

    def _grow(self, slot: int) -> None:
        if slot < len(self.status):
            return
        more = max(256, 2 * len(self.status), slot + 1) - len(self.status)
        for name in ("status", "stream", "sent", "partition", "changed"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros(more, column.dtype)]))
        self.flow += [None] * more


def _remove(index: dict[Any, dict[int, Flow]], key: Any, flow: Flow) -> None:
    flows = index.get(key)
    if flows is None:  # both ends are the same
        return
    flows.pop(flow.slot, None)
    if not flows:
        del index[key]
